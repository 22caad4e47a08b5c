// The easel: nothing, the photo, or a painting beside it.
import { gaze, name, proportion, reveal, stand } from "../shared/compare-view.js";

const at = (id) => document.getElementById(id);
const wall = at("wall");
const before = at("before");
const after = at("after");
const glaze = at("glaze");
const unpreviewed = at("unpreviewed");
let turn = 0;

const compared = () => wall.dataset.state === "compared";

async function load(image, url) {
  image.src = url;
  try {
    await image.decode();
    return true;
  } catch {
    return false;
  }
}

function label(left, right) {
  before.alt = left === "Photo" ? "The photo" : left;
  after.alt = { Painting: "The finished picture", Preview: "A small preview of the picture" }[right] ?? right;
  name(left, right);
}

/** Puts a photo up; one that this browser cannot show may still be one that the server can use. */
export async function showPhoto(picture) {
  const mine = (turn += 1);
  const shown = before.src === new URL(picture.url, location).href && before.naturalWidth > 0 ? true : await load(before, picture.url);
  if (mine !== turn) return;
  after.removeAttribute("src");
  glaze.removeAttribute("src");
  if (shown) proportion(before.naturalWidth, before.naturalHeight);
  unpreviewed.textContent = shown ? "" : `No preview of ${picture.name}`;
  stand(shown ? "photo" : "unpreviewed");
}

/** Hangs the painting over the photo, once it is all there. Answers whether it could be shown. */
export async function showPainting(output, photo, { left = "Photo", right = "Painting" } = {}) {
  const mine = (turn += 1);
  const fresh = new Image();
  const [shown, comparable] = await Promise.all([
    load(fresh, output.url),
    // The same photo is already up when the job began on this page.
    before.src === new URL(photo?.url ?? "", location).href ? true : photo && load(before, photo.url),
  ]);
  if (mine !== turn || !shown) return shown;
  const fromPreview = compared() && wall.dataset.kind === "preview";
  after.src = fresh.src;
  glaze.removeAttribute("src");
  proportion(output.width, output.height);
  gaze({ scale: 1, x: 0, y: 0 });
  label(left, right);
  stand(comparable ? "compared" : "painting", "final");
  if (fromPreview) return shown;
  reveal();
  return shown;
}

/** Shows a preview; with `over` and `share`, that much of a second one lies on it. */
export async function showPreview(url, { over = null, share = 0, exact = true } = {}) {
  const mine = (turn += 1);
  const images = await Promise.all([url, over].filter(Boolean).map(async (each) => {
    const image = new Image();
    return (await load(image, each)) && image;
  }));
  if (mine !== turn || images.includes(false) || ["empty", "waiting", "unpreviewed"].includes(wall.dataset.state)) return;
  const first = !compared();
  after.src = images[0].src;
  if (over) glaze.src = images[1].src;
  else glaze.removeAttribute("src");
  glaze.style.setProperty("--share", share);
  label("Photo", exact ? "Preview" : "Preview, roughly");
  stand("compared", "preview");
  if (first) reveal();
}

/** Takes everything down: for an invitation, or for a picture that is still on its way. */
export function clear(state = "empty") {
  turn += 1;
  stand(state);
}

export const previewing = () => wall.dataset.kind === "preview";
