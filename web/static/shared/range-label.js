// What a range stands at, for eyes and for ears.

/** Shows a range's value in words, and how far it is filled for the style sheet. */
export function say(range, words) {
  document.getElementById(`${range.id}-said`).textContent = words;
  range.setAttribute("aria-valuetext", words);
  range.style.setProperty("--filled", `${((range.value - range.min) / (range.max - range.min)) * 100}%`);
}
