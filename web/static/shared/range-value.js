// Value text of a range input, for eyes and for screen readers.
import { byId } from "./dom.js";

/** Shows a range's value in words, and tells the style sheet how far it is filled. */
export function showRangeValue(range, words) {
  byId(`${range.id}-value`).textContent = words;
  range.setAttribute("aria-valuetext", words);
  range.style.setProperty("--filled", `${((range.value - range.min) / (range.max - range.min)) * 100}%`);
}
