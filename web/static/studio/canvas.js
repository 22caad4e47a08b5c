// Canvas of the studio: empty, the photo alone, or a preview or result beside the photo.
import { reveal, setAspectRatio, setLabels, setState, setZoom } from "../shared/compare-view.js";
import { byId } from "../shared/dom.js";

const canvas = byId("canvas");
const before = byId("before");
const after = byId("after");
const overlay = byId("overlay");
const noPreview = byId("no-preview");
// Number of the newest request to show something; an older one that finishes later is dropped.
let newest = 0;

const isCompared = () => canvas.dataset.state === "compared";

/** Loads an image; answers whether the browser can show it. */
async function load(image, url) {
  image.src = url;
  try {
    await image.decode();
    return true;
  } catch {
    return false;
  }
}

const shows = (url) => before.src === new URL(url, location).href;

function setTexts(left, right) {
  before.alt = left === "Photo" ? "The photo" : left;
  after.alt = { Painting: "The finished picture", Preview: "A small preview of the picture" }[right] ?? right;
  setLabels(left, right);
}

/** Shows the photo alone. One that this browser can't show may still be one that the server can read. */
export async function showPhoto(picture) {
  const request = (newest += 1);
  const shown = (shows(picture.url) && before.naturalWidth > 0) || (await load(before, picture.url));
  if (request !== newest) return;
  after.removeAttribute("src");
  overlay.removeAttribute("src");
  if (shown) setAspectRatio(before.naturalWidth, before.naturalHeight);
  noPreview.textContent = shown ? "" : `No preview of ${picture.name}`;
  setState(shown ? "photo" : "no-preview");
}

/** Shows a result beside the photo, once it is loaded. Answers whether the browser could show it. */
export async function showResult(output, photo, { left = "Photo", right = "Painting" } = {}) {
  const request = (newest += 1);
  const image = new Image();
  const [shown, comparable] = await Promise.all([
    load(image, output.url),
    // The photo is loaded already when the job was started on this page.
    photo && (shows(photo.url) || load(before, photo.url)),
  ]);
  if (request !== newest || !shown) return shown;
  const replacesPreview = isCompared() && canvas.dataset.kind === "preview";
  after.src = image.src;
  overlay.removeAttribute("src");
  setAspectRatio(output.width, output.height);
  setZoom({ scale: 1, x: 0, y: 0 });
  setTexts(left, right);
  setState(comparable ? "compared" : "painting", "final");
  if (!replacesPreview) reveal();
  return shown;
}

/** Shows a preview beside the photo; with `over`, a second image lies over it with the opacity `share`. */
export async function showPreview(url, { over = null, share = 0, exact = true } = {}) {
  const request = (newest += 1);
  const urls = over ? [url, over] : [url];
  const images = urls.map(() => new Image());
  const loaded = await Promise.all(urls.map((each, n) => load(images[n], each)));
  if (request !== newest || loaded.includes(false)) return;
  if (["empty", "waiting", "no-preview"].includes(canvas.dataset.state)) return;
  const isFirst = !isCompared();
  after.src = images[0].src;
  if (over) overlay.src = images[1].src;
  else overlay.removeAttribute("src");
  overlay.style.setProperty("--share", share);
  setTexts("Photo", exact ? "Preview" : "Preview, roughly");
  setState("compared", "preview");
  if (isFirst) reveal();
}

/** Empties the canvas: `empty` invites to bring a photo, `waiting` waits for a picture that is being fetched. */
export function clear(state = "empty") {
  newest += 1;
  setState(state);
}

/** Shows that a preview is being made, where none is on the canvas yet. */
export const setBusy = (busy) => canvas.toggleAttribute("data-busy", busy);

export const isPreview = () => canvas.dataset.kind === "preview";
