// The easel: nothing, the photo, or a painting beside it: with a seam, side by side, as large as one likes.

const at = (id) => document.getElementById(id);
const wall = at("wall");
const frame = at("frame");
const pane = at("pane-after");
const before = at("before");
const after = at("after");
const glaze = at("glaze");
const compare = at("compare");
const views = at("views");
const unpreviewed = at("unpreviewed");
const zoom = at("zoom");
let turn = 0;
let names = {};
let look = { scale: 1, x: 0, y: 0 };

const proportion = (width, height) => wall.style.setProperty("--ratio", width / height);
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

function stand(state, kind = "") {
  wall.dataset.state = state;
  wall.dataset.kind = kind;
  views.hidden = !["compared", "painting"].includes(state);
  zoom.disabled = kind === "preview";
  if (zoom.disabled || views.hidden) gaze({ scale: 1, x: 0, y: 0 });
}

function label(left, right) {
  names = { left, right };
  at("tag-before").textContent = left;
  at("tag-after").textContent = right;
  before.alt = left === "Photo" ? "The photo" : left;
  after.alt = { Painting: "The finished picture", Preview: "A small preview of the picture" }[right] ?? right;
  part(compare.value);
}

function part(percent) {
  compare.value = percent;
  wall.style.setProperty("--seam", `${compare.value}%`);
  compare.setAttribute("aria-valuetext", `${compare.value}% ${names.left?.toLowerCase()}, ${100 - compare.value}% ${names.right?.toLowerCase()}`);
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

/** From the photo to half and half: the painting is drawn across in front of one's eyes. */
function reveal() {
  part(100);
  requestAnimationFrame(() => requestAnimationFrame(() => part(50)));
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

// -- how to look at it ---------------------------------------------------------------------------

function view(name) {
  wall.dataset.view = name;
  for (const button of views.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === name));
  gaze({ ...look });
}
for (const button of views.querySelectorAll("[data-view]")) button.addEventListener("click", () => view(button.dataset.view));

const hold = at("hold");
const original = (on) => frame.classList.toggle("original", on);
hold.addEventListener("pointerdown", () => original(true));
hold.addEventListener("keydown", (event) => [" ", "Enter"].includes(event.key) && (event.preventDefault(), original(true)));
for (const end of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) hold.addEventListener(end, () => original(false));

/** Both pictures at the same place and scale; never so far that one looks past them. */
function gaze({ scale, x, y }) {
  const { clientWidth: width, clientHeight: height } = pane;
  look = { scale: Math.max(1, scale) };
  look.x = Math.min(0, Math.max(width * (1 - look.scale), x));
  look.y = Math.min(0, Math.max(height * (1 - look.scale), y));
  frame.style.setProperty("--scale", look.scale);
  frame.style.setProperty("--x", `${look.x}px`);
  frame.style.setProperty("--y", `${look.y}px`);
  frame.classList.toggle("close", look.scale > 1);
  zoom.setAttribute("aria-pressed", String(look.scale > 1));
}

/** One pixel of the picture to one of the screen's, around a place of the pane. */
function oneToOne(x = pane.clientWidth / 2, y = pane.clientHeight / 2) {
  const scale = look.scale > 1 ? 1 : Math.max(1.01, (after.naturalWidth || before.naturalWidth) / pane.clientWidth);
  gaze({ scale, x: x - x * scale, y: y - y * scale });
}
zoom.addEventListener("click", () => oneToOne());
frame.addEventListener("dblclick", (event) => {
  const box = (event.target.closest(".pane") ?? pane).getBoundingClientRect();
  if (!zoom.disabled && !views.hidden) oneToOne(event.clientX - box.left, event.clientY - box.top);
});
addEventListener("keydown", (event) => {
  const [dx, dy] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [];
  if (dx === undefined || !event.shiftKey || look.scale === 1 || !at("easel").contains(document.activeElement)) return;
  event.preventDefault();
  gaze({ scale: look.scale, x: look.x + dx * 60, y: look.y + dy * 60 });
});
addEventListener("resize", () => gaze({ scale: 1, x: 0, y: 0 }));

// The whole picture is the handle; the range below it serves keyboards and screen readers.
compare.addEventListener("input", () => part(compare.value));
const seamed = () => compared() && wall.dataset.view === "slider";
let grip = null;

function drag(event) {
  const box = frame.getBoundingClientRect();
  if (grip) return gaze({ scale: look.scale, x: grip.x + event.clientX, y: grip.y + event.clientY });
  part(Math.round(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * 100));
}
function nearSeam(event) {
  const box = frame.getBoundingClientRect();
  return Math.abs(event.clientX - box.left - (box.width * compare.value) / 100) < 28;
}
frame.addEventListener("pointerdown", (event) => {
  const panning = look.scale > 1 && !(seamed() && nearSeam(event));
  if (event.button !== 0 || (!panning && !seamed()) || event.target.id === "brush") return;
  grip = panning ? { x: look.x - event.clientX, y: look.y - event.clientY } : null;
  frame.setPointerCapture(event.pointerId);
  frame.classList.add("held");
  if (seamed()) compare.focus({ preventScroll: true, focusVisible: false });
  // A finger may only be about to scroll: it counts once it moves sideways or taps.
  if (event.pointerType === "touch") return;
  event.preventDefault();
  if (!panning) drag(event);
});
frame.addEventListener("pointermove", (event) => {
  if (frame.hasPointerCapture(event.pointerId)) drag(event);
});
frame.addEventListener("click", (event) => {
  // Arrow keys make no clicks, but a screen reader may, and it points nowhere.
  if (seamed() && look.scale === 1 && event.detail > 0) drag(event);
});
frame.addEventListener("lostpointercapture", () => {
  grip = null;
  frame.classList.remove("held");
});
