// A part of the picture: painted with a brush, feathered, turned inside out; kept as it is, or painted otherwise.
import { upload } from "../shared/api.js";
import { tiles } from "../shared/style-gallery.js";
import { persist } from "../shared/retry.js";
import { say } from "../shared/range-label.js";
import { keep } from "../shared/session-state.js";

const HTML = `
  <p class="fine">Paint over the part with the brush. With the keyboard: arrow keys move it, Space paints.</p>
  <div class="tools">
    <button type="button" class="button" id="mask-paint" aria-pressed="false">Paint</button>
    <button type="button" class="button" id="mask-erase" aria-pressed="false">Erase</button>
    <button type="button" class="button quiet" id="mask-clear">Clear</button>
  </div>
  <div class="dial"><label for="mask-width">Brush width</label><output id="mask-width-said" for="mask-width"></output>
    <input type="range" id="mask-width" min="2" max="40" step="1" value="12" autocomplete="off"></div>
  <div class="dial"><label for="feather">Soft edge</label><output id="feather-said" for="feather"></output>
    <input type="range" id="feather" min="0" max="100" step="2" value="12" autocomplete="off"></div>
  <label class="switch"><input type="checkbox" role="switch" id="mask-invert" autocomplete="off"><span>Everything but the part</span></label>
  <label class="field" for="mask-style"><span>There</span><select id="mask-style" autocomplete="off"><option value="">keep the photo</option></select></label>
  <div class="dial" id="mask-strength" hidden><label for="mask-alpha">Strength there</label><output id="mask-alpha-said" for="mask-alpha"></output>
    <input type="range" id="mask-alpha" min="0" max="1" step="0.05" value="0.8" autocomplete="off"></div>`;

const LONG = 1024;
const at = (id) => document.getElementById(id);
const host = at("mask");
const frame = at("frame");
const before = at("before");
const canvas = document.createElement("canvas");
const ink = canvas.getContext("2d", { willReadFrequently: true });
let tool = null;
let last = null;
let cursor = [0.5, 0.5];
let sent = null;
let empty = true;

function build() {
  host.innerHTML = HTML;
  Object.assign(canvas, { id: "brush", tabIndex: 0, hidden: true });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "The part that was painted over. Arrow keys move the brush, Space paints.");
  frame.append(canvas);
  for (const { style } of tiles()) if (style.id) at("mask-style").append(new Option(style.title, style.id));
  at("mask-paint").addEventListener("click", () => take(tool === "paint" ? null : "paint"));
  at("mask-erase").addEventListener("click", () => take(tool === "erase" ? null : "erase"));
  at("mask-clear").addEventListener("click", () => (wipe(), changed()));
  for (const id of ["mask-width", "feather", "mask-alpha", "mask-style"]) at(id).addEventListener("input", words);
  at("mask-invert").addEventListener("input", () => (sent = null, tint()));
  words();
}

function words() {
  say(at("mask-width"), `${at("mask-width").value}% of the width`);
  say(at("feather"), at("feather").value === "0" ? "sharp" : `${at("feather").value} px`);
  say(at("mask-alpha"), `${Math.round(at("mask-alpha").value * 100)}%`);
  at("mask-strength").hidden = !at("mask-style").value;
}

const tint = () => canvas.classList.toggle("inverted", at("mask-invert").checked);

/** Picks a tool up, or lays it down; only then can the seam be dragged again. */
function take(which) {
  tool = which;
  for (const each of ["paint", "erase"]) at(`mask-${each}`).setAttribute("aria-pressed", String(each === which));
  canvas.hidden = !which;
  frame.classList.toggle("masking", Boolean(which));
  if (which) at("easel").scrollIntoView({ block: "nearest" });
}

function fit() {
  const { naturalWidth: width, naturalHeight: height } = before;
  const scale = Math.min(1, LONG / Math.max(width, height, 1));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
}

function wipe() {
  fit();
  empty = true;
  sent = null;
}

function stroke([fromX, fromY], [toX, toY]) {
  ink.globalCompositeOperation = tool === "erase" ? "destination-out" : "source-over";
  ink.strokeStyle = "#fff";
  ink.lineCap = ink.lineJoin = "round";
  ink.lineWidth = (at("mask-width").value / 100) * canvas.width;
  ink.beginPath();
  ink.moveTo(fromX * canvas.width, fromY * canvas.height);
  ink.lineTo(toX * canvas.width + 0.01, toY * canvas.height);
  ink.stroke();
  empty = false;
  sent = null;
}

const changed = () => host.dispatchEvent(new Event("input", { bubbles: true }));

function place(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}
canvas.addEventListener("pointerdown", (event) => {
  if (!tool || event.button !== 0) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  last = cursor = place(event);
  stroke(last, last);
});
canvas.addEventListener("pointermove", (event) => {
  if (!last) return;
  cursor = place(event);
  stroke(last, cursor);
  last = cursor;
});
canvas.addEventListener("lostpointercapture", () => {
  last = null;
  changed();
});
canvas.addEventListener("keydown", (event) => {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
  if (!dx && !dy && event.key !== " ") return;
  event.preventDefault();
  const to = [cursor[0] + dx * 0.03, cursor[1] + dy * 0.03].map((each) => Math.min(1, Math.max(0, each)));
  // With Space held, or tapped, the brush is on the canvas.
  if (event.key === " ") stroke(cursor, cursor), changed();
  cursor = to;
  canvas.style.setProperty("--cursor-x", cursor[0]);
  canvas.style.setProperty("--cursor-y", cursor[1]);
});

/** The mask as the API wants it: white is inside. */
async function picture() {
  const sheet = new OffscreenCanvas(canvas.width, canvas.height);
  const paint = sheet.getContext("2d");
  paint.fillStyle = at("mask-invert").checked ? "#fff" : "#000";
  paint.fillRect(0, 0, sheet.width, sheet.height);
  // What was painted is white; turned inside out, it is taken away from white.
  if (at("mask-invert").checked) paint.globalCompositeOperation = "difference";
  paint.drawImage(canvas, 0, 0);
  return sheet.convertToBlob({ type: "image/png" });
}

/** The region of a photo, its mask sent; null while nothing is painted. Kept for after a reload. */
export async function region(photo) {
  if (empty || !at("part").open) return keep({ mask: null }), null;
  sent ??= picture().then((blob) => persist(() => upload(blob, "mask.png"), 4)).then(({ id }) => id);
  const style_id = at("mask-style").value;
  const long = at("original").checked ? Math.max(before.naturalWidth, before.naturalHeight) : Number(at("size").value);
  try {
    const mask = { upload: await sent, invert: at("mask-invert").checked, style_id, feather: Number(at("feather").value), alpha: Number(at("mask-alpha").value) };
    keep({ mask: { ...mask, photo: await photo.upload() } });
    return {
      upload: mask.upload, style_id, long, feather: Number(at("feather").value),
      alpha: style_id ? Number(at("mask-alpha").value) : 0,
    };
  } catch (error) {
    sent = null;
    throw error;
  }
}

/** Another photo has another part. */
export function reset() {
  take(null);
  wipe();
}

/** Puts back a part that was painted before: the picture at `url` and what was wanted there. */
export async function restore({ url, invert = false, style_id, feather = 0, alpha }) {
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    return; // The server keeps masks for a day.
  }
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  ink.drawImage(image, 0, 0);
  const painted = ink.getImageData(0, 0, canvas.width, canvas.height);
  for (let n = 0; n < painted.data.length; n += 4) {
    painted.data[n + 3] = invert ? 255 - painted.data[n] : painted.data[n];
    painted.data.fill(255, n, n + 3);
  }
  ink.putImageData(painted, 0, 0);
  [empty, sent] = [false, null];
  at("mask-invert").checked = invert;
  at("mask-style").value = style_id ?? "";
  at("feather").value = feather;
  if (style_id && typeof alpha === "number") at("mask-alpha").value = alpha;
  words();
  tint();
}

build();
wipe();
