// The gallery: styles to choose one of, or up to four to mix; trained networks hang beside them.
import * as api from "./api.js";
import { persist } from "./retry.js";
import { Picture } from "./picture.js";

const at = (id) => document.getElementById(id);
const grid = at("grid");
const label = at("style-label");
const search = at("search");
const alone = at("favourites");
const heart = at("heart");
const unhang = at("unhang");
const mixing = at("mixing");
export const MOST = 4;

/** Value of a tile → what it stands for: `{value, id | network | picture, title, description, own, src}`. */
const known = new Map();
const favourites = new Set(JSON.parse(localStorage.getItem("atelier.favourites") ?? "[]"));
let onRemoved = () => {};

const inputs = () => [...grid.querySelectorAll("input")];
const chosen = () => inputs().filter((input) => input.checked).map((input) => known.get(input.value));

function tile(style) {
  const box = document.createElement("label");
  const input = document.createElement("input");
  const image = document.createElement("img");
  box.className = "tile";
  box.title = style.title;
  box.classList.toggle("loved", favourites.has(style.value));
  if (style.network) box.dataset.network = "";
  Object.assign(input, { type: mixing.checked ? "checkbox" : "radio", name: "style", value: style.value });
  Object.assign(image, { src: style.src, alt: style.title, decoding: "async", loading: "lazy" });
  box.append(input, image);
  return box;
}

function describe() {
  const all = chosen();
  const [first] = all;
  const name = document.createElement("strong");
  name.textContent = all.length > 1 ? all.map(({ title }) => title).join(" + ") : first?.title ?? "No style chosen";
  label.replaceChildren(name, all.length === 1 && first.description ? ` ${first.description}` : "");
  const one = all.length === 1 ? first : null;
  heart.hidden = !one || Boolean(one.picture);
  unhang.hidden = !one?.own;
  heart.setAttribute("aria-pressed", String(Boolean(one && favourites.has(one.value))));
  const full = mixing.checked && all.length >= MOST;
  for (const input of inputs()) {
    // A network knows its one style and nothing of mixtures.
    input.disabled = mixing.checked && ((full && !input.checked) || Boolean(known.get(input.value).network));
  }
}

/** Chooses the styles of these values, as far as they hang. */
export function choose(...values) {
  mixing.checked = values.length > 1;
  kind();
  for (const input of inputs()) input.checked = values.includes(input.value);
  describe();
}

function kind() {
  for (const input of inputs()) input.type = mixing.checked ? "checkbox" : "radio";
}

function filter() {
  const words = search.value.trim().toLowerCase();
  const lovedOnly = alone.getAttribute("aria-pressed") === "true";
  let shown = 0;
  for (const input of inputs()) {
    const { title, description = "", value } = known.get(input.value);
    const fits = `${title} ${description}`.toLowerCase().includes(words) && (!lovedOnly || favourites.has(value));
    input.parentElement.hidden = !fits;
    shown += fits;
  }
  at("slot").hidden = Boolean(words) || lovedOnly;
  at("none-found").hidden = shown > 0 || grid.hasAttribute("aria-busy");
  at("none-found").textContent = lovedOnly && !words ? "Nothing here yet: give a style a heart." : "No style of that name.";
}

const ofStyle = (style) => ({
  value: style.id, id: style.id, title: style.title, description: style.description, own: style.own,
  sha256: style.sha256, src: style.urls.thumbnail,
});
const ofNetwork = ({ name, version, urls }) => ({
  value: `network:${name}`, network: name, title: name, src: urls.style ?? urls.sample ?? "/static/icon.svg",
  description: `A network that learnt this one style, version ${version}.`,
});

function hang(style, first = false) {
  known.set(style.value, style);
  const old = inputs().find((input) => input.value === style.value)?.parentElement;
  if (old) old.replaceWith(tile(style));
  else if (first) at("slot").after(tile(style));
  else grid.append(tile(style));
}

/** Adds a file to one's own styles and chooses it. Raises what the server refuses. */
export async function hangFile(file) {
  const name = file.name || "pasted picture";
  const title = name.replace(/\.[^.]+$/, "").slice(0, 120) || name;
  const style = ofStyle(await persist(() => api.addStyle(file, name, title), 4));
  hang(style, true);
  choose(style.value);
}

/** Chooses the style that an earlier job had: of the gallery, or a picture that came with the job. */
export function recall(job) {
  const { styles: shares = [] } = job.params ?? {};
  const trained = networkOf(job);
  if (trained) return choose(trained.value);
  const values = shares.map(({ style_id: id }, n) => (known.has(id) ? id : ofPart(job, n ? `style_${n + 1}` : "style")));
  if (shares.length) return choose(...values.filter(Boolean));
  const style = styleOf(job);
  if (style) return choose(style.value);
  const value = ofPart(job, "style");
  if (value) choose(value);
}

function ofPart(job, role) {
  const picture = role && Picture.ofJob(job, role);
  if (!picture) return null;
  const value = `job:${job.id}:${role}`;
  hang({ value, picture, title: picture.name, description: "The picture that came with the job", src: picture.url }, true);
  return value;
}

/** The chosen styles: each `{id}`, `{network}` or `{picture}`, with `title` and `value`. */
export const selection = () => chosen();

/** What a job was made with: the gallery's style with the very same bytes, or a network. */
export function styleOf(job) {
  const input = (job.inputs ?? []).find((each) => each.role === "style");
  return networkOf(job) ?? [...known.values()].find((style) => input?.sha256 && style.sha256 === input.sha256);
}

const networkOf = (job) => known.get(`network:${String(job.params?.network).split("@")[0]}`);

/** What to call the style of a job. */
export function titleOf(job) {
  const shares = (job.params?.styles ?? []).map(({ style_id: id }) => known.get(id)?.title ?? "own style");
  return shares.length ? shares.join(" + ") : styleOf(job)?.title ?? "Own style";
}

/** All that hang, in their order, with the boxes they hang in. */
export const tiles = () => inputs().map((input) => ({ style: known.get(input.value), box: input.parentElement }));
export const find = (value) => known.get(value);
export const whenRemoved = (act) => (onRemoved = act);

export async function open() {
  const [hung, trained] = await Promise.all([persist(api.styles), persist(api.networks, 1).catch(() => [])]);
  for (const blank of grid.querySelectorAll(".blank")) blank.remove();
  const own = hung.filter((style) => style.own);
  for (const style of own) hang(ofStyle(style));
  // The newest version of each comes first; those that take any style bring none to hang.
  for (const network of trained.filter(({ styled }) => styled)) {
    if (!known.has(`network:${network.name}`)) hang(ofNetwork(network));
  }
  for (const style of hung.filter((each) => !each.own)) hang(ofStyle(style));
  grid.removeAttribute("aria-busy");
  // One is chosen from the start: a first picture takes a photo and one press.
  const first = hung.find((style) => !style.own) ?? hung[0];
  if (!chosen().length && first) choose(first.id);
  else describe();
}

const keep = () => localStorage.setItem("atelier.favourites", JSON.stringify([...favourites]));
const changed = () => grid.dispatchEvent(new Event("input", { bubbles: true }));

grid.addEventListener("change", describe);
search.addEventListener("input", (event) => (event.stopPropagation(), filter()));
search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
alone.addEventListener("click", () => {
  alone.setAttribute("aria-pressed", String(alone.getAttribute("aria-pressed") !== "true"));
  filter();
});
heart.addEventListener("click", () => {
  const [{ value }] = chosen();
  if (!favourites.delete(value)) favourites.add(value);
  keep();
  inputs().find((input) => input.value === value).parentElement.classList.toggle("loved", favourites.has(value));
  describe();
  filter();
});
at("random").addEventListener("click", () => {
  const others = inputs().filter((input) => !input.checked && !input.parentElement.hidden && !known.get(input.value).network);
  const pick = others[Math.floor(Math.random() * others.length)];
  if (!pick) return;
  choose(pick.value);
  pick.scrollIntoView({ block: "nearest" });
  changed();
});
unhang.addEventListener("click", async () => {
  const [style] = chosen();
  try {
    await api.removeStyle(style.id);
  } catch (error) {
    if (!(error instanceof api.Refusal) || error.status !== 404) return onRemoved(error);
  }
  inputs().find((input) => input.value === style.value).parentElement.remove();
  known.delete(style.value);
  const [first] = inputs();
  if (first) choose(first.value);
  changed();
});
// Before the form hears of it.
mixing.addEventListener("input", () => {
  kind();
  // Back to one: the first of them.
  if (!mixing.checked) inputs().filter((input) => input.checked).slice(1).forEach((input) => (input.checked = false));
  if (!chosen().length && inputs()[0]) inputs()[0].checked = true;
  describe();
});
