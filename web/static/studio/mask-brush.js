// Mask editor: a brush and an eraser on the photo, soft edges, inversion; inside, the photo or another style.
import { uploadPicture } from "../shared/api.js";
import { byId } from "../shared/dom.js";
import { showRangeValue } from "../shared/range-value.js";
import { withRetry } from "../shared/reconnect.js";
import { saveSession } from "../shared/session-state.js";
import { tiles } from "../shared/style-gallery.js";

const HTML = `
  <p class="muted">Paint over the picture with the brush. With the keyboard: arrow keys move it, Space paints.</p>
  <div class="tools">
    <button type="button" class="button" id="mask-paint" aria-pressed="false">Paint</button>
    <button type="button" class="button" id="mask-erase" aria-pressed="false">Erase</button>
    <button type="button" class="button quiet" id="mask-clear">Clear</button>
  </div>
  <div class="slider-field">
    <label for="mask-width">Brush width</label><output id="mask-width-value" for="mask-width"></output>
    <input type="range" id="mask-width" min="2" max="40" step="1" value="12" autocomplete="off"></div>
  <div class="slider-field">
    <label for="feather">Soft edge</label><output id="feather-value" for="feather"></output>
    <input type="range" id="feather" min="0" max="100" step="2" value="12" autocomplete="off"></div>
  <label class="switch">
    <input type="checkbox" role="switch" id="mask-invert" autocomplete="off"><span>Invert the mask</span></label>
  <label class="field" for="mask-style"><span>Inside the mask</span>
    <select id="mask-style" autocomplete="off"><option value="">keep the photo</option></select></label>
  <div class="slider-field" id="mask-strength" hidden>
    <label for="mask-alpha">Strength inside</label><output id="mask-alpha-value" for="mask-alpha"></output>
    <input type="range" id="mask-alpha" min="0" max="1" step="0.05" value="0.8" autocomplete="off"></div>`;

// Long side of the mask in pixels.
const MASK_SIDE = 1024;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const host = byId("mask");
const frame = byId("frame");
const before = byId("before");
const canvas = document.createElement("canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });
let tool = null;
let lastPoint = null;
let cursor = [0.5, 0.5];
// The promise of the mask's upload; null after a change.
let uploaded = null;
let empty = true;

function build() {
  host.innerHTML = HTML;
  Object.assign(canvas, { id: "mask-canvas", tabIndex: 0, hidden: true });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "The mask. Arrow keys move the brush, Space paints.");
  frame.append(canvas);
  for (const { style } of tiles()) if (style.id) byId("mask-style").append(new Option(style.title, style.id));
  byId("mask-paint").addEventListener("click", () => selectTool(tool === "paint" ? null : "paint"));
  byId("mask-erase").addEventListener("click", () => selectTool(tool === "erase" ? null : "erase"));
  byId("mask-clear").addEventListener("click", () => {
    clearMask();
    dispatchInput();
  });
  for (const id of ["mask-width", "feather", "mask-alpha", "mask-style"])
    byId(id).addEventListener("input", showValues);
  byId("mask-invert").addEventListener("input", () => {
    uploaded = null;
    showInversion();
  });
  showValues();
}

function showValues() {
  showRangeValue(byId("mask-width"), `${byId("mask-width").value}% of the width`);
  showRangeValue(byId("feather"), byId("feather").value === "0" ? "sharp" : `${byId("feather").value} px`);
  showRangeValue(byId("mask-alpha"), `${Math.round(byId("mask-alpha").value * 100)}%`);
  byId("mask-strength").hidden = !byId("mask-style").value;
}

const showInversion = () => canvas.classList.toggle("inverted", byId("mask-invert").checked);

/** Selects `paint`, `erase` or no tool; only without one can the divider be dragged. */
function selectTool(name) {
  tool = name;
  for (const each of ["paint", "erase"]) byId(`mask-${each}`).setAttribute("aria-pressed", String(each === name));
  canvas.hidden = !name;
  frame.classList.toggle("masking", Boolean(name));
  if (name) byId("viewer").scrollIntoView({ block: "nearest" });
}

function fitToPhoto() {
  const { naturalWidth: width, naturalHeight: height } = before;
  const scale = Math.min(1, MASK_SIDE / Math.max(width, height, 1));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
}

// Setting the size of a canvas clears it.
function clearMask() {
  fitToPhoto();
  empty = true;
  uploaded = null;
}

function drawLine([fromX, fromY], [toX, toY]) {
  context.globalCompositeOperation = tool === "erase" ? "destination-out" : "source-over";
  // Red, so that the mask is visible on bright photos; only its opacity counts.
  context.strokeStyle = "#d62828";
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = (byId("mask-width").value / 100) * canvas.width;
  context.beginPath();
  context.moveTo(fromX * canvas.width, fromY * canvas.height);
  context.lineTo(toX * canvas.width + 0.01, toY * canvas.height);
  context.stroke();
  empty = false;
  uploaded = null;
}

const dispatchInput = () => host.dispatchEvent(new Event("input", { bubbles: true }));

function pointOf(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}
canvas.addEventListener("pointerdown", (event) => {
  if (!tool || event.button !== 0) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  lastPoint = cursor = pointOf(event);
  drawLine(lastPoint, lastPoint);
});
canvas.addEventListener("pointermove", (event) => {
  if (!lastPoint) return;
  cursor = pointOf(event);
  drawLine(lastPoint, cursor);
  lastPoint = cursor;
});
canvas.addEventListener("lostpointercapture", () => {
  lastPoint = null;
  dispatchInput();
});
canvas.addEventListener("keydown", (event) => {
  const [dx, dy] = ARROWS[event.key] ?? [0, 0];
  if (!dx && !dy && event.key !== " ") return;
  event.preventDefault();
  const to = [cursor[0] + dx * 0.03, cursor[1] + dy * 0.03].map((each) => Math.min(1, Math.max(0, each)));
  if (event.key === " ") {
    drawLine(cursor, cursor);
    dispatchInput();
  }
  cursor = to;
  canvas.style.setProperty("--cursor-x", cursor[0]);
  canvas.style.setProperty("--cursor-y", cursor[1]);
});

/** The mask as the API takes it, a PNG: white is inside. */
async function maskBlob() {
  const inverted = byId("mask-invert").checked;
  const output = new OffscreenCanvas(canvas.width, canvas.height);
  const ink = output.getContext("2d");
  ink.fillStyle = inverted ? "#fff" : "#000";
  ink.fillRect(0, 0, output.width, output.height);
  // The strokes in white; for an inverted mask they are subtracted from white.
  const strokes = new OffscreenCanvas(canvas.width, canvas.height);
  const white = strokes.getContext("2d");
  white.drawImage(canvas, 0, 0);
  white.globalCompositeOperation = "source-in";
  white.fillStyle = "#fff";
  white.fillRect(0, 0, strokes.width, strokes.height);
  if (inverted) ink.globalCompositeOperation = "difference";
  ink.drawImage(strokes, 0, 0);
  return output.convertToBlob({ type: "image/png" });
}

/** The masked region of a photo, with the mask uploaded; null while nothing is painted. Saved for after a reload. */
export async function readRegion(photo) {
  if (empty || !byId("region").open) {
    saveSession({ mask: null });
    return null;
  }
  uploaded ??= maskBlob()
    .then((blob) => withRetry(() => uploadPicture(blob, "mask.png"), 4))
    .then(({ id }) => id);
  const style_id = byId("mask-style").value;
  const feather = Number(byId("feather").value);
  const alpha = Number(byId("mask-alpha").value);
  const longSide = byId("original").checked
    ? Math.max(before.naturalWidth, before.naturalHeight)
    : Number(byId("size").value);
  try {
    const upload = await uploaded;
    const invert = byId("mask-invert").checked;
    saveSession({ mask: { upload, invert, style_id, feather, alpha, photo: await photo.upload() } });
    return { upload, style_id, longSide, feather, alpha: style_id ? alpha : 0 };
  } catch (error) {
    uploaded = null;
    throw error;
  }
}

/** Clears the mask and lays the tool down, for another photo. */
export function reset() {
  selectTool(null);
  clearMask();
}

/** Restores a mask from the picture at `url`, and the settings of its region. */
export async function restore({ url, invert = false, style_id, feather = 0, alpha }) {
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    return; // The server keeps masks for a day.
  }
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let n = 0; n < pixels.data.length; n += 4) {
    const inside = invert ? 255 - pixels.data[n] : pixels.data[n];
    pixels.data.set([214, 40, 40, inside], n);
  }
  context.putImageData(pixels, 0, 0);
  [empty, uploaded] = [false, null];
  byId("mask-invert").checked = invert;
  byId("mask-style").value = style_id ?? "";
  byId("feather").value = feather;
  if (style_id && typeof alpha === "number") byId("mask-alpha").value = alpha;
  showValues();
  showInversion();
}

build();
clearMask();
