// The video page: the video, its settings, and the job that is followed until both videos play in step.
import * as api from "../shared/api.js";
import { reveal, setAspectRatio, setLabels, setState, setZoom } from "../shared/compare-view.js";
import { byId } from "../shared/dom.js";
import { showError } from "../shared/errors.js";
import { listenForFiles } from "../shared/file-drop.js";
import { followJob, isFinal } from "../shared/follow-job.js";
import * as history from "../shared/history.js";
import { attachActions } from "../shared/job-actions.js";
import { showJob, showStatus } from "../shared/job-status.js";
import { Picture, explainError } from "../shared/picture.js";
import { withRetry } from "../shared/reconnect.js";
import { loadSession, saveSession } from "../shared/session-state.js";
import * as gallery from "../shared/style-gallery.js";
import { submitForm } from "../shared/upload.js";
import { clearDraft, loadDraft, saveDraft } from "./draft-store.js";
import * as livePreview from "./live-preview.js";
import * as player from "./player.js";
import { applyParams, readParams, showValues } from "./settings.js";

const limits = byId("studio").dataset;
const stylise = byId("stylise");
const latestFrame = byId("latest-frame");
// `content` is the video, `job` the job that is open; `changed`: settings were changed since that job.
const state = { content: null, job: null, changed: false, controller: new AbortController() };
const pageTitle = document.title;
let mixer = null;

function setReady(ready) {
  stylise.disabled = !ready;
  stylise.textContent = ready ? "Stylise" : "Stylising…";
}
const setHash = (id) => window.history.replaceState(null, "", `#job=${encodeURIComponent(id)}`);
const clearHash = () => window.history.replaceState(null, "", location.pathname + location.search);

async function showMixer(weights) {
  if (gallery.selectedStyles().length < 2 && !mixer) return;
  mixer ??= await import("../shared/style-mixer.js");
  mixer.showMixer(gallery.selectedStyles(), weights);
}

function remember() {
  const styles = gallery.selectedStyles().map(({ value }) => value);
  saveSession({ video: { styles, weights: mixer?.weights() ?? [], settings: readParams() } });
}

async function onChange() {
  state.changed = true;
  setReady(true);
  showValues();
  await showMixer();
  remember();
  updatePreview();
}

/** Previews the frame that is shown, while no job is open that shows its own frames. */
function updatePreview() {
  if (state.content && !state.job) livePreview.update();
}

async function applySettings(job) {
  const { styles = [] } = job.params ?? {};
  applyParams(job.params ?? {});
  gallery.selectStylesOf(job);
  await showMixer(styles.length > 1 ? styles.map(({ weight }) => weight) : null);
  remember();
}

// -- files -------------------------------------------------------------------------------------------

/** Stops following the open job. */
function closeJob() {
  state.controller.abort();
  state.controller = new AbortController();
  Object.assign(state, { job: null, changed: false });
  byId("command").hidden = true;
  history.markCurrent(null);
  document.title = pageTitle;
}

/** Shows the video alone. One that this browser can't play may still be one that the server can read. */
async function showVideo(video = state.content) {
  latestFrame.removeAttribute("src");
  const [plays] = await player.openVideos({ original: video.url });
  if (state.content !== video) return;
  if (plays) setAspectRatio(...player.videoSize());
  const sentence = `This browser can’t play ${video.name}. The service may paint it all the same.`;
  byId("no-preview").textContent = plays ? "" : sentence;
  setState(plays ? "photo" : "no-preview");
}

async function takeVideo(file) {
  showError("");
  const isVideo = /^video\/|^image\/gif$/.test(file.type) || /\.(mkv|ts|avi|mov)$/i.test(file.name);
  if (!isVideo) return showError(`${file.name || "That"} is not a video. Pictures are painted in the studio.`);
  const maxMb = Number(limits.maxVideoMb);
  if (file.size > maxMb * 1e6) {
    const megabytes = (file.size / 1e6).toFixed(0);
    return showError(`${file.name} is too large: ${megabytes} MB, where ${maxMb} MB is the limit.`);
  }
  closeJob();
  clearHash();
  state.content?.revoke();
  state.content = Picture.ofFile(file);
  saveDraft(file);
  setReady(true);
  showStatus({ title: state.content.name, detail: "Choose a style, then Stylise." }, ["other-content"]);
  await showVideo();
  updatePreview();
}

async function takeStyle(file) {
  showError("");
  if (file.size > Number(limits.maxUploadMb) * 1e6) {
    return showError(`${file.name} is too large; ${limits.maxUploadMb} MB is the limit.`);
  }
  try {
    await gallery.addStyleFile(file);
    onChange();
  } catch (error) {
    showError(explainError(error, file.name || "pasted picture"));
  }
}

// -- submitting --------------------------------------------------------------------------------------

/** Adds the styles to the form; answers the parameters that name them. */
async function addStyles(body) {
  const styles = gallery.selectedStyles();
  const [first] = styles;
  const attach = async (style, field) => {
    body.set(field, await withRetry(() => style.picture.blob()), style.picture.name);
    return { file: field };
  };
  if (styles.length > 1) {
    const shares = mixer.weights();
    const mixed = styles.map(async (style, n) => ({
      ...(style.id ? { style_id: style.id } : await attach(style, `style_${n + 1}`)),
      weight: shares[n],
    }));
    return { styles: JSON.stringify(await Promise.all(mixed)) };
  }
  if (first.network) return { network: first.network };
  if (first.id) return { style_id: first.id };
  await attach(first, "style");
  return {};
}

async function buildForm() {
  const body = new FormData();
  const params = { kind: "video", ...readParams(), ...(await addStyles(body)) };
  for (const [key, value] of Object.entries(params)) if (value !== null) body.set(key, value);
  body.set("content", await withRetry(() => state.content.blob()), state.content.name);
  return body;
}

async function onSubmit() {
  showError("");
  if (!state.content) {
    byId("content-file").focus();
    return showError("Bring a video first: drop it here, paste it, or pick a file.");
  }
  if (!gallery.selectedStyles().length) return showError("Choose a style first.");
  setReady(false);
  closeJob();
  livePreview.hide();
  player.pause();
  const { content: video } = state;
  const { signal } = state.controller;
  const onProgress = (share) => {
    if (signal.aborted) return;
    const sending = share < 1;
    const detail = sending ? `${Math.round(share * 100)}% of ${video.name} sent.` : "The server checks the file.";
    showStatus({ title: "Uploading", detail, done: sending ? 100 * share : "indeterminate" });
  };
  onProgress(0);
  byId("viewer").scrollIntoView({ block: "nearest" });
  const key = api.newIdempotencyKey();
  try {
    const body = await buildForm();
    const job = await withRetry(() => submitForm(body, key, onProgress, signal));
    clearDraft();
    if (signal.aborted) return history.refresh();
    setHash(job.id);
    if (job.status !== "succeeded") await showVideo();
    openJob(job);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof api.ApiError)) throw error;
    showError([413, 415].includes(error.status) ? explainError(error, video.name) : error.message);
    setReady(true);
    showStatus({ title: video.name, detail: "Not sent." }, ["other-content"]);
  }
}

// -- the open job ------------------------------------------------------------------------------------

let sampleTimer = 0;

/** Shows the newest painted frame beside the frame of the original that it was painted from. */
function showSample({ url }, signal) {
  clearTimeout(sampleTimer);
  // After a reload all samples are announced again, and only the newest still exists.
  sampleTimer = setTimeout(async () => {
    const image = new Image();
    image.src = url;
    const loaded = await image.decode().then(
      () => true,
      () => false,
    );
    if (!loaded || signal.aborted || state.job?.status !== "running") return;
    const isFirst = !latestFrame.hasAttribute("src");
    latestFrame.src = image.src;
    const { step = 0, total = 0 } = state.job.progress ?? {};
    if (total) player.showFrameAt(step / total, state.job.params.start_s ?? 0, state.job.params.end_s);
    if (byId("canvas").dataset.state === "no-preview") return;
    setLabels("Video", "So far");
    setState("compared", "preview");
    if (isFirst) reveal();
  }, 300);
}

async function showResult(job, signal) {
  const [output] = job.outputs;
  const [numerator, denominator = 1] = String(job.metrics?.video?.rate ?? "25")
    .split("/")
    .map(Number);
  const [comparable, plays] = await player.openVideos({
    original: state.content?.url ?? null,
    painting: output.url,
    start: job.params.start_s ?? 0,
    rate: numerator / denominator,
  });
  if (signal.aborted) return;
  clearTimeout(sampleTimer);
  latestFrame.removeAttribute("src");
  setLabels("Video", "Painting");
  if (plays || comparable) setAspectRatio(output.width, output.height);
  setZoom({ scale: 1, x: 0, y: 0 });
  if (!plays) {
    byId("no-preview").textContent = "This browser can’t play that format. Download it to watch it.";
    return setState("no-preview");
  }
  setState(comparable ? "compared" : "painting", "final");
  if (comparable) reveal();
}

/** Follows a job to its end and shows its video. */
async function openJob(first) {
  const { signal } = state.controller;
  let status = null;
  history.markCurrent(first.id);
  const onJobChange = (job) => {
    state.job = job;
    showJob(job);
    setReady(state.changed || isFinal(job));
    if (job.status !== status) history.refresh();
    status = job.status;
  };
  try {
    const job = await followJob(first, onJobChange, signal, { sample: (data) => showSample(data, signal) });
    if (job?.status !== "succeeded" || signal.aborted) return;
    byId("download").href = `${job.outputs[0].url}?download=1`;
    if (!state.changed) await showResult(job, signal);
  } catch (error) {
    showMissingJob(error);
  }
}

/** Opens an earlier job with its video and settings. */
async function openLinkedJob(id) {
  closeJob();
  showError("");
  livePreview.stop();
  const { signal } = state.controller;
  try {
    const job = await withRetry(() => api.getJob(id, signal));
    if (signal.aborted) return;
    state.content?.revoke();
    state.content = Picture.ofJob(job, "content");
    await applySettings(job);
    if (job.status !== "succeeded" && state.content) await showVideo();
    if (!signal.aborted) openJob(job);
  } catch (error) {
    if (!signal.aborted) showMissingJob(error);
  }
}

function showMissingJob(error) {
  if (!(error instanceof api.ApiError)) throw error;
  clearHash();
  if (!state.content) setState("empty");
  const missing = error.status === 404;
  const title = missing ? "That video is no longer here" : "That video can’t be shown";
  showStatus({ title, detail: missing ? "Bring another." : error.message }, state.content ? ["other-content"] : []);
  setReady(true);
}

// -- event listeners ---------------------------------------------------------------------------------

listenForFiles({ onContent: takeVideo, onStyle: takeStyle });
attachActions({ state, applySettings, closeJob, clearHash, onChange, showContent: () => showVideo() });
byId("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  onSubmit();
});
byId("settings").addEventListener("input", onChange);
byId("before").addEventListener("play", () => state.job || livePreview.hide());
for (const event of ["pause", "seeked"]) byId("before").addEventListener(event, () => updatePreview());

// -- start -------------------------------------------------------------------------------------------

const linkedJob = () => new URLSearchParams(location.hash.slice(1)).get("job");
addEventListener("hashchange", () => linkedJob() && openLinkedJob(linkedJob()));
if (linkedJob()) {
  setState("waiting");
  showStatus({ title: "Loading your video", done: "indeterminate" });
}
const { styles = [], weights = [], settings } = loadSession().video ?? {};
if (settings) applyParams(settings);
showValues();
try {
  await gallery.loadGallery();
  const existing = styles.filter((value) => gallery.findStyle(value));
  if (existing.length) gallery.selectStyles(...existing);
  await showMixer(weights.length === existing.length && existing.length > 1 ? weights : null);
} catch (error) {
  showError(`The gallery can’t be shown. ${error.message}`);
}
if (linkedJob()) openLinkedJob(linkedJob());
else {
  history.refresh();
  // A file that was not sent when the page was left.
  const draft = await loadDraft();
  if (draft && !state.content && !linkedJob()) takeVideo(draft);
}
