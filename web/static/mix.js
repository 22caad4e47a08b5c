// A second style of the gallery, and how much of it.
import { say } from "./dials.js";
import { all } from "./gallery.js";

const second = document.getElementById("second");
const share = document.getElementById("share");
const details = second.closest("details");

function render() {
  share.disabled = !second.value;
  say(share, second.value ? `${Math.round(share.value * 100)}%` : "none of it");
}

/** Offers the gallery's styles. */
export function open() {
  second.append(...all().map((style) => new Option(style.title, style.id)));
}

/** The two styles as the API wants them, or null while there is only one. `first` is `{id}` or a picture. */
export function styles(first) {
  if (!second.value) return null;
  const own = first.id ? { style_id: first.id } : { file: "style" };
  const part = Number(share.value);
  return [{ ...own, weight: Math.round((1 - part) * 10) / 10 }, { style_id: second.value, weight: part }];
}

/** Chooses what an earlier job had. */
export function recall({ styles: [one, other] = [] }) {
  second.value = other?.style_id ?? "";
  // A style that is no longer in the gallery can't be chosen.
  if (second.selectedIndex < 0) second.value = "";
  if (second.value) share.value = other.weight / (one.weight + other.weight);
  details.open ||= Boolean(second.value);
  render();
}

for (const input of [second, share]) input.addEventListener("input", render);
render();
