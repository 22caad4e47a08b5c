// The settings beside the gallery: strength, size and colours.

const at = (id) => document.getElementById(id);
const alpha = at("alpha");
const size = at("size");
const original = at("original");
const colour = at("preserve-color");

/** Shows a range's value in words, and how far it is filled for the style sheet. */
function say(range, words) {
  at(`${range.id}-said`).textContent = words;
  range.setAttribute("aria-valuetext", words);
  range.style.setProperty("--filled", `${((range.value - range.min) / (range.max - range.min)) * 100}%`);
}

function render() {
  const strength = `${Math.round(alpha.value * 100)}%`;
  say(alpha, alpha.value === "0" ? `${strength}, the photo itself` : strength);
  size.disabled = original.checked;
  say(size, original.checked ? "as the photo" : `${size.value} px`);
}

/** Puts the dials where an earlier job had them; what it does not say stays. */
export function turn(params) {
  if (typeof params.alpha === "number") alpha.value = params.alpha;
  if ("size" in params) original.checked = params.size === null;
  if (params.size) size.value = params.size;
  if ("preserve_color" in params) colour.checked = Boolean(params.preserve_color);
  render();
}

/** The fields of a job as the API names them. */
export function fields() {
  const chosen = { alpha: alpha.value, preserve_color: String(colour.checked) };
  return original.checked ? chosen : { ...chosen, size: size.value };
}

for (const dial of [alpha, size, original, colour]) dial.addEventListener("input", render);
render();
