// Settings of the studio: strength, brush, colours, size, format, quality and network.
import { byId } from "../shared/dom.js";
import { showRangeValue } from "../shared/range-value.js";

const alpha = byId("alpha");
const stroke = byId("stroke");
const texture = byId("texture");
const reroll = byId("reroll");
const saturation = byId("saturation");
const size = byId("size");
const original = byId("original");
const format = byId("format");
const quality = byId("quality");
const network = byId("network");
const colours = [...document.querySelectorAll("input[name=color]")];

// The slider's scale is logarithmic, in doublings, as the eye compares brush widths by their ratio.
const strokeWidth = () => Math.round(2 ** Number(stroke.value) * 100) / 100;
// Pattern of the texture: 0 until the button asks for another, so that equal settings give equal pictures.
let seed = 0;
const STROKE_NAMES = [
  [0.8, "fine"],
  [1.2, "medium"],
  [2.5, "broad"],
  [Infinity, "very broad"],
];

function showValues() {
  const percent = `${Math.round(alpha.value * 100)}%`;
  showRangeValue(alpha, alpha.value === "0" ? `${percent}, the photo itself` : percent);
  const [, strokeName] = STROKE_NAMES.find(([limit]) => strokeWidth() < limit);
  showRangeValue(stroke, `${strokeName}, ×${strokeWidth()}`);
  const smooth = texture.disabled || texture.value === "0";
  showRangeValue(texture, smooth ? "smooth" : `${Math.round(texture.value * 100)}%`);
  showRangeValue(saturation, saturation.value === "0" ? "grey" : `${Math.round(saturation.value * 100)}%`);
  size.disabled = original.checked;
  showRangeValue(size, original.checked ? "as the photo" : `${size.value} px`);
  // PNG is lossless.
  quality.disabled = format.value === "png";
  showRangeValue(quality, quality.disabled ? "lossless" : quality.value);
}

/** Sets the controls from a job's parameters; controls of missing parameters stay as they are. */
export function applyParams(params) {
  if (typeof params.alpha === "number") alpha.value = params.alpha;
  if (params.stroke) stroke.value = Math.log2(params.stroke);
  if (typeof params.texture === "number") texture.value = params.texture;
  seed = params.seed ?? seed;
  if (typeof params.saturation === "number") saturation.value = params.saturation;
  if ("size" in params) original.checked = params.size === null;
  if (params.size) size.value = params.size;
  if (params.format) format.value = params.format;
  if (params.quality) quality.value = params.quality;
  // A network of one style is chosen in the gallery, a tuned one by the server.
  network.value = ["slim", "full"].includes(params.network) ? params.network : "auto";
  for (const colour of colours) colour.checked = colour.value === (params.color ?? "style");
  showValues();
}

export const strength = () => Number(alpha.value);

/** Disables the texture: networks trained for one style are trained without noise. */
export function disableTexture(disabled) {
  texture.disabled = reroll.disabled = disabled;
  showValues();
}

/** Sets the strength and sends the events that dragging the slider sends. */
export function setStrength(value) {
  alpha.value = value;
  alpha.dispatchEvent(new Event("input", { bubbles: true }));
  alpha.dispatchEvent(new Event("change", { bubbles: true }));
}

/** The parameters of a job as the API names them. */
export const readParams = () => ({
  alpha: strength(),
  stroke: strokeWidth(),
  ...(!texture.disabled && { texture: Number(texture.value), seed }),
  saturation: Number(saturation.value),
  format: format.value,
  quality: Number(quality.value),
  color: colours.find((colour) => colour.checked).value,
  ...(network.value !== "auto" && { network: network.value }),
  ...(!original.checked && { size: Number(size.value) }),
});

reroll.addEventListener("click", () => {
  seed = Math.floor(Math.random() * 2 ** 32);
  // The events that dragging the slider sends start a new preview.
  texture.dispatchEvent(new Event("input", { bubbles: true }));
  texture.dispatchEvent(new Event("change", { bubbles: true }));
});
for (const input of [alpha, stroke, texture, saturation, size, original, format, quality]) input.addEventListener("input", showValues);
showValues();
