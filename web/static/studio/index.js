// The studio page: the photo, its settings, and the job that is open.
import * as api from "../shared/api.js";
import { byId } from "../shared/dom.js";
import { showError, tryOrShowError } from "../shared/errors.js";
import { listenForFiles } from "../shared/file-drop.js";
import { followJob } from "../shared/follow-job.js";
import * as history from "../shared/history.js";
import { showJob, showStatus } from "../shared/job-status.js";
import { Picture, explainError } from "../shared/picture.js";
import { withRetry } from "../shared/reconnect.js";
import { saveSession } from "../shared/session-state.js";
import * as gallery from "../shared/style-gallery.js";
import * as canvas from "./canvas.js";
import { onRegionToggle, regionOf, resetRegion, restoreRegion } from "./region.js";
import { restoreSession } from "./restore.js";
import * as settings from "./settings.js";

const stylise = byId("stylise");
const form = byId("settings");
const maxUploadMb = Number(byId("studio").dataset.maxUploadMb);
// `content` is the photo, `job` the job that is open; `changed`: settings were changed since that job.
const state = { content: null, job: null, changed: false, controller: new AbortController() };
const pageTitle = document.title;
const READY = "Choose a style, then Stylise.";
const PHOTO_ACTIONS = ["other-content", "start-over"];
// The photo that was taken last; an older one whose upload ends later is dropped.
let newestPhoto = null;
// Modules that an empty page does not need are loaded with the first photo or mixture.
let [livePreview, stylePreviews, mixer, actions, tuning] = [];

/** Enables the button, unless a picture with the same settings is being made. */
function setReady(ready) {
  stylise.disabled = !ready;
  stylise.textContent = ready ? "Stylise" : "Stylising…";
}

function isSmallEnough(file) {
  if (!maxUploadMb || file.size <= maxUploadMb * 1e6) return true;
  const megabytes = (file.size / 1e6).toFixed(0);
  showError(`${file.name} is too large: ${megabytes} MB, where ${maxUploadMb} MB is the limit.`);
  return false;
}

/** Stops following the open job. */
function closeJob() {
  state.controller.abort();
  state.controller = new AbortController();
  state.job = null;
  state.changed = false;
  byId("command").hidden = true;
  history.markCurrent(null);
  history.pickNext(null);
  document.title = pageTitle;
}

const setHash = (id) => window.history.replaceState(null, "", `#job=${encodeURIComponent(id)}`);
const clearHash = () => window.history.replaceState(null, "", location.pathname + location.search);

/** Uses a photo for the previews and the gallery's tiles. */
async function usePhoto(photo) {
  state.content = photo;
  resetRegion();
  livePreview ??= await import("./live-preview.js");
  livePreview.setHandlers({ onShown: onPreviewShown, onError: (error) => showError(error.message) });
  if (state.content !== photo) return;
  livePreview.setPhoto(photo);
  updateStylePreviews();
}

/** Loads the gallery's previews once they are switched on. */
async function updateStylePreviews() {
  if (!byId("try-all").checked && !stylePreviews) return;
  stylePreviews ??= await import("./style-previews.js");
  stylePreviews.setPhoto(state.content);
}

/** Shows the mixer, once two styles are selected. */
async function showMixer(weights) {
  if (gallery.selectedStyles().length < 2 && !mixer) return;
  mixer ??= await import("../shared/style-mixer.js");
  mixer.showMixer(gallery.selectedStyles(), weights);
}

/** Offers to tune the style that is chosen, if it is one's own. */
async function showTuning() {
  const styles = gallery.selectedStyles();
  const own = styles.length === 1 && styles[0].own ? styles[0] : null;
  if (!own && !tuning) return;
  tuning ??= await import("./tuning.js");
  tuning.handleTuned(() => {
    stylePreviews?.refresh();
    onChange();
  });
  await tuning.showTuning(own);
}

/** Whether this browser can decode a picture; formats of phones are often read by the server alone. */
async function canShow(url) {
  const image = new Image();
  image.src = url;
  return image.decode().then(
    () => true,
    () => false,
  );
}

/** Takes a photo. What is open stays until the photo can be shown, and comes back where the server refuses it. */
async function takePhoto(file) {
  showError("");
  if (file.type.startsWith("video/")) return showError(`${file.name} is a video. The Video page paints it.`);
  if (!isSmallEnough(file)) return;
  const photo = Picture.ofFile(file);
  newestPhoto = photo;
  const shownAtOnce = await canShow(photo.url);
  if (newestPhoto !== photo) return photo.revoke();
  const previous = { content: state.content, jobId: state.job?.id };
  if (shownAtOnce) openPhoto(photo);
  else if (!state.content) showStatus({ title: photo.name, detail: "Uploading…", done: "indeterminate" });
  try {
    const id = await photo.upload();
    if (newestPhoto !== photo) return;
    if (!shownAtOnce) {
      photo.revoke();
      photo.url = `/v1/uploads/${encodeURIComponent(id)}/image`;
      openPhoto(photo);
    }
    previous.content?.revoke();
    saveSession({ photo: { id, name: photo.name } });
    await usePhoto(photo);
    livePreview.update();
  } catch (error) {
    if (newestPhoto !== photo) return;
    photo.revoke();
    if (!state.content || state.content === photo) closePhoto(previous);
    showError(explainError(error, photo.name));
  }
}

/** Shows a photo in place of what was open. */
function openPhoto(photo) {
  closeJob();
  clearHash();
  state.content = photo;
  livePreview?.setPhoto(null);
  showStatus({ title: photo.name, detail: "Painting a preview…" }, PHOTO_ACTIONS);
  canvas.showPhoto(photo);
  setReady(true);
}

/** Closes a photo that the server refused, and opens again what was open before: a job, a photo, or nothing. */
function closePhoto({ content, jobId }) {
  state.content = content;
  if (jobId) {
    setHash(jobId);
    return openLinkedJob(jobId);
  }
  if (!content) return startOver();
  canvas.showPhoto(content);
  showStatus({ title: content.name, detail: READY }, PHOTO_ACTIONS);
  return usePhoto(content).then(() => livePreview.update());
}

/** Empties the canvas. */
function startOver() {
  newestPhoto = null;
  closeJob();
  clearHash();
  showError("");
  livePreview?.setPhoto(null);
  resetRegion();
  state.content?.revoke();
  state.content = null;
  saveSession({ photo: null, mask: null });
  canvas.clear();
  showStatus({ title: "Nothing on the easel yet", detail: "Your photo will stand here, and its painting beside it." });
  setReady(true);
}

function showUploadError(photo, error) {
  showError(explainError(error, photo.name));
  showStatus({ title: photo.name, detail: "Not sent." }, PHOTO_ACTIONS);
}

/** Handles a change of the settings: previews it, and enables the button for another job. */
async function onChange(event) {
  state.changed = true;
  setReady(true);
  showTuning();
  await showMixer();
  remember();
  // Settings of the file alone change no preview.
  if (["format", "quality", "size", "original"].includes(event?.target.id)) return;
  const dragging = event?.type === "input" && event.target.id === "alpha";
  livePreview?.update({ dragging, delay: dragging ? 350 : undefined });
}

/** Saves styles and settings for the next visit. */
function remember() {
  const styles = gallery.selectedStyles();
  settings.disableTexture(styles.some(({ network }) => network));
  saveSession({
    styles: styles.map(({ value }) => value),
    weights: (styles.length > 1 && mixer?.weights()) || [],
    settings: { size: null, ...settings.readParams() },
  });
}

async function takeStyle(file) {
  showError("");
  if (!isSmallEnough(file)) return;
  byId("upload-style").setAttribute("aria-busy", "true");
  try {
    await gallery.addStyleFile(file);
    onChange();
    stylePreviews?.refresh();
  } catch (error) {
    showError(explainError(error, file.name || "pasted picture"));
  } finally {
    byId("upload-style").removeAttribute("aria-busy");
  }
}

async function submitPhoto(photo) {
  const { buildRequest } = await import("./request.js");
  const submit = async () => {
    const [body, key] = [await buildRequest(photo), api.newIdempotencyKey()];
    return withRetry(() => api.submitJob(body, key), 4);
  };
  try {
    return await submit();
  } catch (error) {
    // Uploads are kept for a day, and a page may be open for longer: sent once more.
    if (!(error instanceof api.ApiError) || !error.pointers.some((each) => each.includes("upload"))) throw error;
    photo.resetUpload();
    return submit();
  }
}

async function onSubmit() {
  showError("");
  if (!state.content) {
    byId("content-file").focus();
    return showError("Bring a photo first: drop it here, paste it, or pick a file.");
  }
  if (!gallery.selectedStyles().length) return showError("Choose a style first.");
  setReady(false);
  closeJob();
  livePreview?.stop();
  const { content: photo } = state;
  const { signal } = state.controller;
  if (!canvas.isPreview()) canvas.showPhoto(photo);
  showStatus({ title: "Uploading", detail: `Sending ${photo.name}.`, done: "indeterminate" });
  byId("viewer").scrollIntoView({ block: "nearest" });
  try {
    const job = await submitPhoto(photo);
    // Another picture was opened in the meantime: it stays open.
    if (signal.aborted) return history.refresh();
    setHash(job.id);
    openJob(job);
  } catch (error) {
    if (!(error instanceof api.ApiError || error instanceof api.UnreachableError)) throw error;
    if (signal.aborted) return;
    const isAboutFile = error instanceof api.UnreachableError || [413, 415].includes(error.status);
    if (isAboutFile) showUploadError(photo, error);
    else showError(error.message);
    setReady(true);
    showStatus({ title: photo.name, detail: "Not sent." }, PHOTO_ACTIONS);
  }
}

/** Sets styles and settings to those of a job. */
async function applySettings(job) {
  const { styles = [], ...params } = job.params ?? {};
  // Slim was chosen by the user only where there was a tuned network to choose.
  const byDefault = params.network === "slim" && !gallery.styleOf(job)?.tuned;
  settings.applyParams(byDefault ? { ...params, network: "auto" } : params);
  gallery.selectStylesOf(job);
  showTuning();
  await showMixer(styles.length > 1 ? styles.map(({ weight }) => weight) : null);
  remember();
}

/** Opens an earlier job with its photo and settings, so that these can be changed and run again. */
async function openLinkedJob(id) {
  closeJob();
  showError("");
  livePreview?.stop();
  newestPhoto = null;
  const { signal } = state.controller;
  try {
    const job = await withRetry(() => api.getJob(id, signal));
    if (signal.aborted) return;
    state.content?.revoke();
    const photo = Picture.ofJob(job, "content");
    if (!photo) canvas.clear();
    else if (job.status !== "succeeded") canvas.showPhoto(photo);
    await Promise.all([applySettings(job), usePhoto(photo)]);
    await restoreRegion(regionOf(job));
    if (!signal.aborted) openJob(job);
    byId("canvas").scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (signal.aborted) return;
    showMissingJob(error);
  }
}

function showMissingJob(error) {
  if (!(error instanceof api.ApiError)) throw error;
  clearHash();
  if (!state.content) canvas.clear();
  const missing = error.status === 404;
  const title = missing ? "That picture is no longer here" : "That picture can’t be shown";
  const detail = missing ? "Bring a photo to make another." : error.message;
  showStatus({ title, detail }, state.content ? PHOTO_ACTIONS : []);
  setReady(true);
}

/** Follows a job to its end and shows its picture. */
async function openJob(first) {
  const { signal } = state.controller;
  let status = null;
  actions ??= import("../shared/job-actions.js").then(({ attachActions }) =>
    attachActions({
      state,
      applySettings,
      closeJob,
      clearHash,
      onChange,
      showContent: () => canvas.showPhoto(state.content),
      showPair: canvas.showResult,
    }),
  );
  history.markCurrent(first.id);
  const onJobChange = (job) => {
    state.job = job;
    showJob(job);
    setReady(state.changed || !["queued", "running"].includes(job.status));
    if (job.status !== status) history.refresh();
    status = job.status;
  };
  try {
    const job = await followJob(first, onJobChange, signal);
    if (signal.aborted) return;
    // Now that the worker is free again.
    if (!state.changed) livePreview?.fillStrip();
    if (job?.status !== "succeeded") return;
    const [output] = job.outputs ?? [];
    if (!output) return;
    byId("download").href = `${output.url}?download=1`;
    if (!state.changed) await canvas.showResult(output, state.content);
  } catch (error) {
    showMissingJob(error);
  }
}

function onPreviewShown() {
  // A running job keeps the caption until it has ended.
  const running = ["queued", "running"].includes(state.job?.status);
  if (running || (state.job && !state.changed)) return;
  const detail = "A small preview. Stylise paints it in full.";
  showStatus({ title: state.content.name, detail }, PHOTO_ACTIONS);
}

// -- event listeners ---------------------------------------------------------------------------------

listenForFiles({ onContent: takePhoto, onStyle: takeStyle });
for (const button of document.querySelectorAll("#samples button")) {
  button.addEventListener("click", async () => {
    const blob = await tryOrShowError(() => api.fetchBlob(button.dataset.url));
    if (!blob) return;
    // The first picture shows the pair that the button shows.
    if (gallery.findStyle(button.dataset.style)) gallery.selectStyles(button.dataset.style);
    // The button disappears with the empty canvas, and the focus must not be lost.
    if (button === document.activeElement) byId("viewer").focus({ preventScroll: true });
    takePhoto(new File([blob], button.dataset.name, { type: blob.type }));
  });
}
form.addEventListener("submit", (event) => {
  event.preventDefault();
  onSubmit();
});
form.addEventListener("input", (event) => event.target.id !== "try-all" && onChange(event));
byId("alpha").addEventListener("change", () => livePreview?.update({ strengthOnly: true }));
byId("start-over").addEventListener("click", startOver);
byId("try-all").addEventListener("change", () => {
  localStorage.setItem("atelier.try-all", byId("try-all").checked ? "on" : "off");
  updateStylePreviews();
});
onRegionToggle(onChange);
gallery.setBeforeRemove(async () => livePreview && (await import("../shared/preview-queue.js")).allSubmitted());

// -- start -------------------------------------------------------------------------------------------

byId("try-all").checked = localStorage.getItem("atelier.try-all") === "on";
const linkedJob = () => new URLSearchParams(location.hash.slice(1)).get("job");
addEventListener("hashchange", () => linkedJob() && openLinkedJob(linkedJob()));
if (linkedJob()) {
  canvas.clear("waiting");
  showStatus({ title: "Loading your picture", done: "indeterminate" });
}
try {
  await gallery.loadGallery();
  const updatePreview = () => livePreview.update();
  await restoreSession({ state, showMixer, usePhoto, restoreRegion, linkedJob, clearHash, remember, updatePreview });
  showTuning();
  settings.disableTexture(gallery.selectedStyles().some(({ network }) => network));
} catch (error) {
  showError(`The gallery can’t be shown. ${error.message}`);
}
if (linkedJob()) openLinkedJob(linkedJob());
else history.refresh();
