// Before/after view of two pictures or videos: divider, side by side, original while held, zoom in step.
import { byId } from "./dom.js";

const canvas = byId("canvas");
const frame = byId("frame");
const pane = byId("pane-after");
const compare = byId("compare");
const viewModes = byId("view-modes");
const zoomButton = byId("zoom");
let labels = {};
let zoom = { scale: 1, x: 0, y: 0 };

const isCompared = () => canvas.dataset.state === "compared";
const mediaWidth = (id) => byId(id).naturalWidth || byId(id).videoWidth || 0;

/** Sets the canvas's state and the kind of picture on it: `preview`, `final` or none. */
export function setState(state, kind = "") {
  canvas.dataset.state = state;
  canvas.dataset.kind = kind;
  viewModes.hidden = !["compared", "painting"].includes(state);
  zoomButton.disabled = kind === "preview";
  if (zoomButton.disabled || viewModes.hidden) setZoom({ scale: 1, x: 0, y: 0 });
}

export const setAspectRatio = (width, height) => canvas.style.setProperty("--ratio", width / height);

/** Labels of the two sides. */
export function setLabels(left, right) {
  labels = { left, right };
  byId("label-before").textContent = left;
  byId("label-after").textContent = right;
  setDivider(compare.value);
}

/** Moves the divider to a percentage of the width. */
export function setDivider(percent) {
  compare.value = percent;
  canvas.style.setProperty("--divider", `${compare.value}%`);
  const [left, right] = [labels.left?.toLowerCase(), labels.right?.toLowerCase()];
  compare.setAttribute("aria-valuetext", `${compare.value}% ${left}, ${100 - compare.value}% ${right}`);
}

/** Animates the divider from the first picture alone to half and half. */
export function reveal() {
  setDivider(100);
  requestAnimationFrame(() => requestAnimationFrame(() => setDivider(50)));
}

const modeButtons = viewModes.querySelectorAll("[data-view]");
function setViewMode(mode) {
  canvas.dataset.view = mode;
  for (const button of modeButtons) button.setAttribute("aria-pressed", String(button.dataset.view === mode));
  setZoom({ ...zoom });
}
for (const button of modeButtons) button.addEventListener("click", () => setViewMode(button.dataset.view));

const originalButton = byId("show-original");
const showOriginal = (on) => frame.classList.toggle("original", on);
originalButton.addEventListener("pointerdown", () => showOriginal(true));
originalButton.addEventListener("keydown", (event) => {
  if (![" ", "Enter"].includes(event.key)) return;
  event.preventDefault();
  showOriginal(true);
});
for (const end of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) {
  originalButton.addEventListener(end, () => showOriginal(false));
}

/** Shows both pictures at the same scale and offset; the offset never leaves the picture. */
export function setZoom({ scale, x, y }) {
  const { clientWidth: width, clientHeight: height } = pane;
  zoom = { scale: Math.max(1, scale) };
  zoom.x = Math.min(0, Math.max(width * (1 - zoom.scale), x));
  zoom.y = Math.min(0, Math.max(height * (1 - zoom.scale), y));
  frame.style.setProperty("--scale", zoom.scale);
  frame.style.setProperty("--x", `${zoom.x}px`);
  frame.style.setProperty("--y", `${zoom.y}px`);
  frame.classList.toggle("zoomed", zoom.scale > 1);
  zoomButton.setAttribute("aria-pressed", String(zoom.scale > 1));
}

/** Toggles 1:1, one picture pixel to one screen pixel, around a point of the pane. */
function toggleActualSize(x = pane.clientWidth / 2, y = pane.clientHeight / 2) {
  const actual = (mediaWidth("after") || mediaWidth("before")) / pane.clientWidth;
  const scale = zoom.scale > 1 ? 1 : Math.max(1.01, actual);
  setZoom({ scale, x: x - x * scale, y: y - y * scale });
}
zoomButton.addEventListener("click", () => toggleActualSize());
frame.addEventListener("dblclick", (event) => {
  const box = (event.target.closest(".pane") ?? pane).getBoundingClientRect();
  if (!zoomButton.disabled && !viewModes.hidden) toggleActualSize(event.clientX - box.left, event.clientY - box.top);
});
const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
addEventListener("keydown", (event) => {
  const [dx, dy] = ARROWS[event.key] ?? [];
  if (dx === undefined || !event.shiftKey || zoom.scale === 1) return;
  if (!byId("viewer").contains(document.activeElement)) return;
  event.preventDefault();
  setZoom({ scale: zoom.scale, x: zoom.x + dx * 60, y: zoom.y + dy * 60 });
});
addEventListener("resize", () => setZoom({ scale: 1, x: 0, y: 0 }));

// The whole picture is the divider's handle; the range below it serves keyboards and screen readers.
compare.addEventListener("input", () => setDivider(compare.value));
const hasDivider = () => isCompared() && canvas.dataset.view === "slider";
let panStart = null;

function drag(event) {
  const box = frame.getBoundingClientRect();
  if (panStart) return setZoom({ scale: zoom.scale, x: panStart.x + event.clientX, y: panStart.y + event.clientY });
  setDivider(Math.round(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * 100));
}
function isNearDivider(event) {
  const box = frame.getBoundingClientRect();
  return Math.abs(event.clientX - box.left - (box.width * compare.value) / 100) < 28;
}
frame.addEventListener("pointerdown", (event) => {
  const panning = zoom.scale > 1 && !(hasDivider() && isNearDivider(event));
  if (event.button !== 0 || (!panning && !hasDivider()) || event.target.id === "mask-canvas") return;
  panStart = panning ? { x: zoom.x - event.clientX, y: zoom.y - event.clientY } : null;
  frame.setPointerCapture(event.pointerId);
  frame.classList.add("grabbed");
  if (hasDivider()) compare.focus({ preventScroll: true, focusVisible: false });
  // A touch may be the start of scrolling: it counts once it moves sideways or taps.
  if (event.pointerType === "touch") return;
  event.preventDefault();
  if (!panning) drag(event);
});
frame.addEventListener("pointermove", (event) => {
  if (frame.hasPointerCapture(event.pointerId)) drag(event);
});
frame.addEventListener("click", (event) => {
  // A click without a position (`detail` 0) comes from a screen reader and moves nothing.
  if (hasDivider() && zoom.scale === 1 && event.detail > 0) drag(event);
});
frame.addEventListener("lostpointercapture", () => {
  panStart = null;
  frame.classList.remove("grabbed");
});
