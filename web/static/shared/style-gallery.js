// Style gallery: tiles to choose one style of, or up to four to mix; trained networks are tiles too.
import * as api from "./api.js";
import { byId, create } from "./dom.js";
import { showError } from "./errors.js";
import { Picture } from "./picture.js";
import { withRetry } from "./reconnect.js";
import { STYLE_TAGS } from "./style-tags.js";

const grid = byId("grid");
const label = byId("style-label");
const search = byId("search");
const favouritesOnly = byId("favourites-only");
const favouriteButton = byId("favourite");
const removeButton = byId("remove-style");
const mixSwitch = byId("mix-styles");
const MAX_STYLES = 4;
/** Times that an image is loaded again; the delays grow by a second each time. */
const MAX_IMAGE_RETRIES = 5;
const FAVOURITES_KEY = "atelier.favourites";

/** Value of a tile → its style: `{value, id | network | picture, title, description, own, src}`. */
const stylesByValue = new Map();
/** Name of a tuned network → value of the tile of its style, which stands for the network. */
const styleOfNetwork = new Map();
const favourites = new Set(JSON.parse(localStorage.getItem(FAVOURITES_KEY) ?? "[]"));
const hooks = { beforeRemove: async () => {} };

const inputs = () => [...grid.querySelectorAll("input")];
const inputOf = (value) => inputs().find((input) => input.value === value);

/** The selected styles: each `{id}`, `{network}` or `{picture}`, with `title` and `value`. */
export const selectedStyles = () =>
  inputs()
    .filter((input) => input.checked)
    .map((input) => stylesByValue.get(input.value));

/** An image that is loaded again after an error: a busy server refuses some of many thumbnails at first. */
function withRetries(image) {
  const { src } = image;
  let retries = 0;
  image.addEventListener("error", () => {
    retries += 1;
    if (retries <= MAX_IMAGE_RETRIES) setTimeout(() => (image.src = src), 1000 * retries);
  });
  return image;
}

function createTile(style) {
  const { value, src, title } = style;
  const tile = create(
    "label",
    { className: "tile", title },
    create("input", { type: mixSwitch.checked ? "checkbox" : "radio", name: "style", value }),
    withRetries(create("img", { src, alt: title, decoding: "async", loading: "lazy" })),
  );
  tile.classList.toggle("favourite", favourites.has(value));
  if (style.network) tile.dataset.network = "";
  const mark = style.network ? "trained" : style.own && style.tuned ? "tuned" : null;
  if (mark) tile.append(create("span", { className: "mark", textContent: mark }));
  return tile;
}

function showSelection() {
  const selected = selectedStyles();
  const [first] = selected;
  const only = selected.length === 1 ? first : null;
  const title = selected.map((each) => each.title).join(" + ") || "No style chosen";
  const tuned = only?.tuned ? " Painted by a network tuned to it." : "";
  label.replaceChildren(create("strong", { textContent: title }), ` ${only?.description ?? ""}${tuned}`);
  favouriteButton.hidden = !only || Boolean(only.picture);
  removeButton.hidden = !only?.own;
  favouriteButton.setAttribute("aria-pressed", String(Boolean(only && favourites.has(only.value))));
  const full = mixSwitch.checked && selected.length >= MAX_STYLES;
  for (const input of inputs()) {
    // A trained network has one style and can't be mixed.
    const isNetwork = Boolean(stylesByValue.get(input.value).network);
    input.disabled = mixSwitch.checked && ((full && !input.checked) || isNetwork);
  }
}

/** Selects the styles with these values, as far as the gallery has them. */
export function selectStyles(...values) {
  mixSwitch.checked = values.length > 1;
  setInputTypes();
  for (const input of inputs()) input.checked = values.includes(input.value);
  showSelection();
}

function setInputTypes() {
  for (const input of inputs()) input.type = mixSwitch.checked ? "checkbox" : "radio";
}

function filterTiles() {
  const words = search.value.trim().toLowerCase();
  const onlyFavourites = favouritesOnly.getAttribute("aria-pressed") === "true";
  let visible = 0;
  for (const input of inputs()) {
    const { title, description = "", value } = stylesByValue.get(input.value);
    const text = `${title} ${description} ${STYLE_TAGS[value] ?? ""}`.toLowerCase();
    const matches = text.includes(words) && (!onlyFavourites || favourites.has(value));
    input.parentElement.hidden = !matches;
    visible += matches;
  }
  byId("upload-style").hidden = Boolean(words) || onlyFavourites;
  const empty = byId("no-styles");
  empty.hidden = visible > 0 || grid.hasAttribute("aria-busy");
  byId("no-styles-text").textContent =
    onlyFavourites && !words ? "No favourites yet: give a style a heart." : "No style matches.";
}

const fromStyle = (style) => ({
  value: style.id,
  id: style.id,
  title: style.title,
  description: style.description,
  own: style.own,
  sha256: style.sha256,
  tuned: style.tuned,
  autoNetwork: style.network,
  src: style.urls.thumbnail,
});
const fromNetwork = ({ name, version, urls }) => ({
  value: `network:${name}`,
  network: name,
  title: name,
  src: urls.style ?? urls.sample ?? "/static/shared/icon.svg",
  description: `A network trained on this one style, version ${version}.`,
});

function addTile(style, first = false) {
  stylesByValue.set(style.value, style);
  const old = inputOf(style.value)?.parentElement;
  if (old) old.replaceWith(createTile(style));
  else if (first) byId("upload-style").after(createTile(style));
  else grid.append(createTile(style));
}

/** Marks the styles with this picture as tuned. */
export function markTuned(sha256) {
  for (const style of [...stylesByValue.values()].filter((each) => each.sha256 === sha256)) {
    const wasChecked = inputOf(style.value)?.checked;
    addTile({ ...style, tuned: true });
    if (wasChecked) inputOf(style.value).checked = true;
  }
  showSelection();
}

/** Uploads a file as a style of one's own and selects it. Throws `ApiError`. */
export async function addStyleFile(file) {
  const name = file.name || "pasted picture";
  const title = name.replace(/\.[^.]+$/, "").slice(0, 120) || name;
  const style = fromStyle(await withRetry(() => api.addStyle(file, name, title), 4));
  addTile(style, true);
  selectStyles(style.value);
}

/** Selects the styles of an earlier job: the gallery's, or pictures that were sent with the job. */
export function selectStylesOf(job) {
  const { styles: shares = [] } = job.params ?? {};
  const network = networkOf(job);
  if (network) return selectStyles(network.value);
  const values = shares.map(({ style_id: id }, n) =>
    stylesByValue.has(id) ? id : addJobPicture(job, n ? `style_${n + 1}` : "style"),
  );
  if (shares.length) return selectStyles(...values.filter(Boolean));
  const value = styleOf(job)?.value ?? addJobPicture(job, "style");
  if (value) selectStyles(value);
}

/** Adds a job's style picture as a tile; answers its value, or null where the job has none. */
function addJobPicture(job, role) {
  const picture = Picture.ofJob(job, role);
  if (!picture) return null;
  const value = `job:${job.id}:${role}`;
  const description = "The picture that came with the job";
  addTile({ value, picture, title: picture.name, description, src: picture.url }, true);
  return value;
}

/** The style of a job: the gallery's style with the same bytes, or a trained network; undefined for others. */
export function styleOf(job) {
  const input = (job.inputs ?? []).find((each) => each.role === "style");
  const bySha256 = ({ sha256 }) => input?.sha256 && sha256 === input.sha256;
  return networkOf(job) ?? [...stylesByValue.values()].find(bySha256);
}

const networkOf = (job) => stylesByValue.get(`network:${String(job.params?.network).split("@")[0]}`);

/** The title of a job's style or mixture. */
function styleTitle(job) {
  const shares = (job.params?.styles ?? []).map(({ style_id: id }) => stylesByValue.get(id)?.title ?? "own style");
  return shares.length ? shares.join(" + ") : (styleOf(job)?.title ?? "Own style");
}

/** Style and strength of a job's picture, such as "Woodcut, 80%". */
export const pictureTitle = (job) => `${styleTitle(job)}, ${Math.round((job.params?.alpha ?? 1) * 100)}%`;

/** All styles in their order, each with its tile. */
export const tiles = () =>
  inputs().map((input) => ({ style: stylesByValue.get(input.value), tile: input.parentElement }));
export const findStyle = (value) => stylesByValue.get(value);
/** The tile of a trained network: its own, or that of the style that it is tuned to. */
export const findNetwork = (name) => findStyle(`network:${name}`) ?? findStyle(styleOfNetwork.get(name));
/** `act` is awaited before a style is deleted on the server. */
export const setBeforeRemove = (act) => (hooks.beforeRemove = act);

/** Fetches styles and networks and fills the grid: own styles first, then networks, then the gallery. */
export async function loadGallery() {
  const [styles, networks] = await Promise.all([
    withRetry(api.listStyles),
    withRetry(api.listNetworks, 1).catch(() => []),
  ]);
  for (const placeholder of grid.querySelectorAll(".placeholder")) placeholder.remove();
  for (const style of styles.filter(({ own }) => own)) addTile(fromStyle(style));
  // The newest version of each comes first; networks that take any style have none to show.
  const tunedStyles = new Set(styles.filter(({ tuned }) => tuned).map(({ sha256 }) => sha256));
  for (const network of networks.filter(({ styled }) => styled)) {
    // The tile of a tuned style stands for its network.
    const shown = network.architecture === "slim_adain" && tunedStyles.has(network.style_sha256);
    if (shown) styleOfNetwork.set(network.name, styles.find(({ sha256 }) => sha256 === network.style_sha256).id);
    else if (!stylesByValue.has(`network:${network.name}`)) addTile(fromNetwork(network));
  }
  for (const style of styles.filter(({ own }) => !own)) addTile(fromStyle(style));
  grid.removeAttribute("aria-busy");
  // One is selected from the start: a first picture takes a photo and one press.
  const first = styles.find(({ id }) => id === grid.dataset.first) ?? styles.find(({ own }) => !own) ?? styles[0];
  if (!selectedStyles().length && first) selectStyles(first.id);
  else showSelection();
}

const dispatchInput = () => grid.dispatchEvent(new Event("input", { bubbles: true }));

grid.addEventListener("change", showSelection);
search.addEventListener("input", (event) => {
  event.stopPropagation();
  filterTiles();
});
search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
favouritesOnly.addEventListener("click", () => {
  const pressed = favouritesOnly.getAttribute("aria-pressed") === "true";
  favouritesOnly.setAttribute("aria-pressed", String(!pressed));
  filterTiles();
});
favouriteButton.addEventListener("click", () => {
  const [{ value }] = selectedStyles();
  if (!favourites.delete(value)) favourites.add(value);
  localStorage.setItem(FAVOURITES_KEY, JSON.stringify([...favourites]));
  inputOf(value).parentElement.classList.toggle("favourite", favourites.has(value));
  showSelection();
  filterTiles();
});
byId("random").addEventListener("click", () => {
  const isCandidate = (input) =>
    !input.checked && !input.parentElement.hidden && !stylesByValue.get(input.value).network;
  const candidates = inputs().filter(isCandidate);
  const input = candidates[Math.floor(Math.random() * candidates.length)];
  if (!input) return;
  selectStyles(input.value);
  input.scrollIntoView({ block: "nearest" });
  dispatchInput();
});
removeButton.addEventListener("click", async () => {
  const [style] = selectedStyles();
  const { deleteWithUndo } = await import("./undo.js");
  inputOf(style.value).parentElement.remove();
  stylesByValue.delete(style.value);
  const [first] = inputs();
  if (first) selectStyles(first.value);
  dispatchInput();
  const undo = () => {
    addTile(style, true);
    selectStyles(style.value);
    dispatchInput();
  };
  const commit = async ({ closing }) => {
    // A preview that was requested with this style before must reach the server first.
    if (!closing) await hooks.beforeRemove();
    try {
      await (closing ? api.deleteStyle(style.id) : withRetry(() => api.deleteStyle(style.id)));
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      if (error.status === 404) return;
      showError(error.message);
      undo();
    }
  };
  deleteWithUndo(`The style ${style.title} was removed.`, { commit, undo });
});
// Runs before the form's own listener, which reads the selection.
mixSwitch.addEventListener("input", () => {
  setInputTypes();
  // Back to one style: the first of those selected.
  const checked = inputs().filter((input) => input.checked);
  if (!mixSwitch.checked) checked.slice(1).forEach((input) => (input.checked = false));
  if (!selectedStyles().length && inputs()[0]) inputs()[0].checked = true;
  showSelection();
});
