// How to look at two pictures, still or moving: with a seam, side by side, the first alone while held, closely in step.

const at = (id) => document.getElementById(id);
const wall = at("wall");
const frame = at("frame");
const pane = at("pane-after");
const compare = at("compare");
const views = at("views");
const zoom = at("zoom");
let names = {};
let look = { scale: 1, x: 0, y: 0 };

const compared = () => wall.dataset.state === "compared";
const width = (id) => at(id).naturalWidth || at(id).videoWidth || 0;

/** What stands on the wall: its state, and what kind of picture it is. */
export function stand(state, kind = "") {
  wall.dataset.state = state;
  wall.dataset.kind = kind;
  views.hidden = !["compared", "painting"].includes(state);
  zoom.disabled = kind === "preview";
  if (zoom.disabled || views.hidden) gaze({ scale: 1, x: 0, y: 0 });
}

export const proportion = (width, height) => wall.style.setProperty("--ratio", width / height);

/** Names for the two sides. */
export function name(left, right) {
  names = { left, right };
  at("tag-before").textContent = left;
  at("tag-after").textContent = right;
  part(compare.value);
}

/** Puts the seam so far across. */
export function part(percent) {
  compare.value = percent;
  wall.style.setProperty("--seam", `${compare.value}%`);
  compare.setAttribute("aria-valuetext", `${compare.value}% ${names.left?.toLowerCase()}, ${100 - compare.value}% ${names.right?.toLowerCase()}`);
}

/** From the first to half and half: the second is drawn across in front of one's eyes. */
export function reveal() {
  part(100);
  requestAnimationFrame(() => requestAnimationFrame(() => part(50)));
}

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
export function gaze({ scale, x, y }) {
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
  const scale = look.scale > 1 ? 1 : Math.max(1.01, (width("after") || width("before")) / pane.clientWidth);
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
