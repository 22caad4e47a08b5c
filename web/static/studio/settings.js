// The settings beside the gallery: strength, brush, colours, size and file.

import { say } from "../shared/range-label.js";

const at = (id) => document.getElementById(id);
const alpha = at("alpha");
const stroke = at("stroke");
const texture = at("texture");
const reroll = at("reroll");
const size = at("size");
const original = at("original");
const format = at("format");
const quality = at("quality");
const network = at("network");
const colours = [...document.querySelectorAll("input[name=color]")];

// The slider goes in doublings: an ear for loudness and an eye for brushes both count in ratios.
const width = () => Math.round(2 ** Number(stroke.value) * 100) / 100;
// The pattern of the noise: 0 until somebody asks for another, so that the same settings give the same picture.
let seed = 0;
const BRUSHES = [[0.8, "fine"], [1.2, "medium"], [2.5, "broad"], [Infinity, "very broad"]];

function render() {
  const strength = `${Math.round(alpha.value * 100)}%`;
  say(alpha, alpha.value === "0" ? `${strength}, the photo itself` : strength);
  say(stroke, stroke.disabled ? "the network’s own" : `${BRUSHES.find(([most]) => width() < most)[1]}, ×${width()}`);
  say(texture, texture.value === "0" ? "smooth" : `${Math.round(texture.value * 100)}%`);
  size.disabled = original.checked;
  say(size, original.checked ? "as the photo" : `${size.value} px`);
  // A PNG has nothing to lose.
  quality.disabled = format.value === "png";
  say(quality, quality.disabled ? "lossless" : quality.value);
}

/** Puts the dials where an earlier job had them; what it does not say stays. */
export function turn(params) {
  if (typeof params.alpha === "number") alpha.value = params.alpha;
  if (params.stroke) stroke.value = Math.log2(params.stroke);
  if (typeof params.texture === "number") texture.value = params.texture;
  seed = params.seed ?? seed;
  if ("size" in params) original.checked = params.size === null;
  if (params.size) size.value = params.size;
  if (params.format) format.value = params.format;
  if (params.quality) quality.value = params.quality;
  // That of one style hangs in the gallery.
  network.value = params.network === "full" ? "full" : "slim";
  for (const colour of colours) colour.checked = colour.value === (params.color ?? "style");
  render();
}

export const strength = () => Number(alpha.value);

/** A network that learnt one style has its strokes in its weights. */
export function fixStrokes(fixed) {
  stroke.disabled = texture.disabled = reroll.disabled = fixed;
  render();
}

/** Turns the strength as a hand does, so that all who watch the dials see it. */
export function setStrength(value) {
  alpha.value = value;
  alpha.dispatchEvent(new Event("input", { bubbles: true }));
  alpha.dispatchEvent(new Event("change", { bubbles: true }));
}

/** The parameters of a job as the API names them. */
export const fields = () => ({
  alpha: strength(), ...(!stroke.disabled && { stroke: width(), texture: Number(texture.value), seed }), format: format.value, quality: Number(quality.value),
  color: colours.find((colour) => colour.checked).value,
  ...(network.value !== "slim" && { network: network.value }),
  ...(!original.checked && { size: Number(size.value) }),
});

reroll.addEventListener("click", () => {
  seed = Math.floor(Math.random() * 2 ** 32);
  // As if the dial had been turned, so that all who watch the dials see it.
  texture.dispatchEvent(new Event("input", { bubbles: true }));
  texture.dispatchEvent(new Event("change", { bubbles: true }));
});
for (const dial of [alpha, stroke, texture, size, original, format, quality]) dial.addEventListener("input", render);
render();
