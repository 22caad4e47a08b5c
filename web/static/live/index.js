// The live page: a camera or a video, painted frame by frame by a network that runs in this browser.
import { ApiError, UnreachableError } from "../shared/api.js";
import { byId, create } from "../shared/dom.js";
import { showError } from "../shared/errors.js";
import { listenForFiles } from "../shared/file-drop.js";
import { explainError } from "../shared/picture.js";
import { showProgress } from "../shared/progress-bar.js";
import { showRangeValue } from "../shared/range-value.js";
import * as gallery from "../shared/style-gallery.js";
import { FrameRate } from "./frame-rate.js";
import { FrameSource, SourceError, listCameras } from "./frames.js";
import { fetchNetwork, fetchPainting } from "./networks.js";
import { Painter, PainterError } from "./painter.js";

const page = byId("live").dataset;
const canvas = byId("canvas");
const startButton = byId("start");
/** Milliseconds between two updates of the frame rate, which nobody could read if it changed with each frame. */
const RATE_MS = 500;

// `frame`: the last one, which is painted again when a setting changes after the stop. `network`: what is open
// in the painter, `{key, backend, threads, fault}`.
const state = { source: null, name: "", frame: null, network: null };
let painter = null;
let mixer = null;

// -- settings ----------------------------------------------------------------------------------------

const alpha = () => Number(byId("alpha").value);
const side = () => Number(byId("side").value);

function showValues() {
  const words = alpha() === 0 ? "0%, the frame itself" : `${Math.round(alpha() * 100)}%`;
  showRangeValue(byId("alpha"), words);
  canvas.toggleAttribute("data-original", byId("show-original").checked);
}

function showStatus(title, detail) {
  byId("status").textContent = title;
  byId("detail").textContent = detail;
}

const BACKENDS = {
  webgpu: () => "WebGPU",
  wasm: ({ threads }) => `the processor, ${threads} ${threads === 1 ? "thread" : "threads"}`,
};

/** What is painted, at what size, by what; and the frame rate, once it is known. */
function showDetail(rate = null) {
  const { frame, network } = state;
  const parts = rate === null ? [] : [`${rate.toFixed(1)} frames a second`];
  if (frame) parts.push(`${frame.width} × ${frame.height} pixels`);
  parts.push(BACKENDS[network.backend](network));
  const slower = network.fault ? ` ${network.fault} The processor is slower: choose a smaller size if needed.` : "";
  showStatus(state.source ? `Painting ${state.name}` : "Stopped", `${parts.join(" · ")}.${slower}`);
}

// -- the network -------------------------------------------------------------------------------------

const EXPORT_STATUS = {
  queued: "The export of the network waits for a worker.",
  running: "A worker exports the network to ONNX. That happens once for each style.",
  fetching: "The network is being fetched.",
};

function showExport(status) {
  if (!EXPORT_STATUS[status]) return;
  showProgress("indeterminate");
  showStatus("Preparing the network", EXPORT_STATUS[status]);
}

async function showMixer(styles) {
  if (styles.length < 2 && !mixer) return;
  mixer ??= await import("../shared/style-mixer.js");
  mixer.showMixer(styles);
}

/** The paintings that a network for any style takes, with their shares; none for a network of one style. */
async function readPaintings(styles) {
  await showMixer(styles);
  const shares = styles.length > 1 ? mixer.weights() : [1];
  const pictures = await Promise.all(styles.map(({ id }) => fetchPainting(id)));
  return pictures.map((picture, n) => ({ key: styles[n].id, share: shares[n], ...picture }));
}

async function openNetwork() {
  const styles = gallery.selectedStyles();
  if (!styles.length) throw new SourceError("Choose a style first.");
  const [{ network, autoNetwork }] = styles;
  const name = styles.length > 1 ? page.mixNetwork : (network ?? autoNetwork);
  const backend = byId("backend").value;
  const key = `${name} ${backend}`;
  const isOpen = state.network?.key === key;
  const model = isOpen ? null : await fetchNetwork(name, showExport);
  const paintings = name === page.mixNetwork ? await readPaintings(styles) : [];
  if (!isOpen) {
    showProgress("indeterminate");
    showStatus("Preparing the network", "It is being loaded into the browser.");
  }
  painter ??= new Painter();
  const { fault, ...opened } = await painter.use({ model, backend, paintings });
  state.network = { key, fault: isOpen ? state.network.fault : fault, ...opened };
  showProgress(null);
}

let opening = Promise.resolve();

/** Opens the network of the settings as they are by then. One at a time, and after a failure the next as usual. */
const prepareNetwork = () => (opening = opening.catch(() => {}).then(openNetwork));

// -- painting ----------------------------------------------------------------------------------------

function show(id, { pixels, width, height }) {
  const target = byId(id);
  if (target.width !== width || target.height !== height) Object.assign(target, { width, height });
  target.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
}

/** Paints a frame and shows it with its painting, unless `source` is not the one of the page any more. */
async function paintFrame(frame, source) {
  const pixels = await painter.paint(frame, alpha());
  if (state.source !== source) return;
  show("original", frame);
  show("painting", { ...frame, pixels });
  state.frame = frame;
  byId("save").hidden = false;
}

/** Paints frame after frame until another source, or none, takes the place of this one. */
async function paintFrames(source) {
  const rate = new FrameRate();
  let shown = 0;
  while (state.source === source) {
    await source.nextFrame();
    if (state.source !== source) return;
    await paintFrame(source.grab(side()), source);
    const now = performance.now();
    rate.add(now);
    if (now - shown < RATE_MS || state.source !== source) continue;
    shown = now;
    showDetail(rate.perSecond);
  }
}

function stop() {
  state.source?.close();
  state.source = null;
  startButton.textContent = "Start the camera";
  canvas.dataset.state = state.frame ? "stopped" : "empty";
  if (state.network) showDetail();
}

/** Shows what went wrong, and stops; a defect of the page is thrown on. */
function explain(error) {
  stop();
  showProgress(null);
  if (!state.network) showStatus("Nothing is painted", "See the message beside the button.");
  if (error instanceof UnreachableError) return showError("The service can’t be reached.");
  showError(error.message);
  if (![SourceError, PainterError, ApiError].some((known) => error instanceof known)) throw error;
}

/** Starts painting what `open` gives: a `FrameSource`. */
async function start(name, open) {
  showError("");
  stop();
  startButton.disabled = true;
  try {
    const source = await open();
    Object.assign(state, { source, name, frame: null });
    startButton.textContent = "Stop";
    canvas.dataset.state = "live";
    startButton.disabled = false;
    await prepareNetwork();
    if (state.source !== source) return;
    showDetail();
    await paintFrames(source);
  } catch (error) {
    explain(error);
  } finally {
    startButton.disabled = false;
  }
}

// -- camera, files, buttons --------------------------------------------------------------------------

async function showCameras() {
  const cameras = await listCameras();
  byId("camera-field").hidden = cameras.length < 2;
  const chosen = byId("camera").value;
  const options = cameras.map(({ deviceId, label }, n) => new Option(label || `Camera ${n + 1}`, deviceId));
  byId("camera").replaceChildren(...options);
  if (cameras.some(({ deviceId }) => deviceId === chosen)) byId("camera").value = chosen;
}

async function startCamera() {
  const onEnded = () => explain(new SourceError("The camera was disconnected. Connect it, then start it again."));
  await start("the camera", async () => {
    const source = await FrameSource.openCamera(byId("camera").value, onEnded);
    await showCameras();
    return source;
  });
}

function takeVideo(file) {
  return start(file.name || "the video", () => FrameSource.openFile(file));
}

async function takeStyle(file) {
  showError("");
  if (file.size > Number(page.maxUploadMb) * 1e6) {
    return showError(`${file.name} is too large; ${page.maxUploadMb} MB is the limit.`);
  }
  try {
    await gallery.addStyleFile(file);
    await onSettings({ target: byId("grid") });
  } catch (error) {
    showError(explainError(error, file.name || "pasted picture"));
  }
}

/** A setting was changed: another network where it needs one, and the last frame again if nothing runs. */
async function onSettings({ target }) {
  showValues();
  if (target.id === "show-original") return;
  await showMixer(gallery.selectedStyles());
  if (target.id === "camera") return state.source?.isCamera ? startCamera() : undefined;
  if (!state.source && !state.frame) return;
  try {
    if (!["alpha", "side"].includes(target.id)) {
      showError("");
      await prepareNetwork();
    }
    if (!state.source) await paintFrame(state.frame, null);
    showDetail();
  } catch (error) {
    explain(error);
  }
}

function savePicture() {
  byId("painting").toBlob((blob) => {
    const href = URL.createObjectURL(blob);
    create("a", { href, download: "atelier-live.png" }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
  }, "image/png");
}

listenForFiles({ onContent: takeVideo, onStyle: takeStyle });
byId("settings").addEventListener("input", onSettings);
byId("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  if (state.source) stop();
  else startCamera();
});
byId("save").addEventListener("click", savePicture);

showValues();
showProgress(null);
try {
  await gallery.loadGallery();
} catch (error) {
  showError(`The gallery can’t be shown. ${error.message}`);
}
