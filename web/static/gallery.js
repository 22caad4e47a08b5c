// The style: one of the gallery's, or a picture of one's own.
import { styles } from "./api.js";
import { persist } from "./lifeline.js";
import { Picture } from "./picture.js";

const grid = document.getElementById("grid");
const label = document.getElementById("style-label");
const known = new Map();
let own = null;

function tile({ value, title, src }) {
  const box = document.createElement("label");
  const radio = document.createElement("input");
  const image = document.createElement("img");
  box.className = "tile";
  box.title = title;
  Object.assign(radio, { type: "radio", name: "style", value });
  Object.assign(image, { src, alt: title, decoding: "async" });
  box.append(radio, image);
  return box;
}

const radios = () => [...grid.querySelectorAll("input")];
const chosen = () => radios().find((radio) => radio.checked)?.value ?? null;

function describe() {
  const value = chosen();
  const { title, description = "" } =
    value === "" ? { title: own.name, description: "Your own image" } : known.get(value) ?? {};
  const name = document.createElement("strong");
  name.textContent = title ?? "No style chosen";
  label.replaceChildren(name, description && ` ${description}`);
}

function choose(value) {
  for (const radio of radios()) radio.checked = radio.value === value;
  describe();
}

/** Hangs a picture of one's own first in the grid, and chooses it. */
export function hang(picture) {
  if (own && own !== picture) own.forget();
  own = picture;
  const box = tile({ value: "", title: `Your own: ${own.name}`, src: own.url });
  // The slot, and later the picture before, make room: nothing else on the page moves.
  grid.firstElementChild.replaceWith(box);
  document.getElementById("other-style").hidden = false;
  choose("");
}

export const hangFile = (file) => hang(Picture.ofFile(file));

/** Chooses the style that an earlier job had, where it is known. */
export function recall(job) {
  const style = styleOf(job);
  if (style) return choose(style.id);
  const picture = Picture.ofJob(job, "style");
  if (picture) hang(picture);
}

/** The chosen style: `{id}` of the gallery, `{picture}` of one's own, or null. */
export function selection() {
  const value = chosen();
  if (value === null) return null;
  return value === "" ? { picture: own, name: own.name } : { id: value, name: known.get(value)?.title };
}

/** The gallery's style that a job was made with: the one with the very same bytes. */
export function styleOf(job) {
  const input = (job.inputs ?? []).find((each) => each.role === "style");
  return [...known.values()].find((style) => input?.sha256 && style.sha256 === input.sha256);
}

/** The gallery's styles, in their order. */
export const all = () => [...known.values()];

export async function open() {
  const hung = await persist(styles);
  for (const style of hung) known.set(style.id, style);
  for (const blank of grid.querySelectorAll(".blank")) blank.remove();
  grid.append(...hung.map((style) => tile({ value: style.id, title: style.title, src: style.urls.thumbnail })));
  grid.removeAttribute("aria-busy");
  // One is chosen from the start: a first picture takes a photo and one press.
  if (chosen() === null && hung.length) choose(hung[0].id);
  else describe();
}

grid.addEventListener("change", describe);
