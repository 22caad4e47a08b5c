// Live preview of the video page: the frame that is shown, painted small after every change of the settings.
import { ApiError, UnreachableError } from "../shared/api.js";
import { reveal, setLabels, setState } from "../shared/compare-view.js";
import { byId } from "../shared/dom.js";
import { Picture } from "../shared/picture.js";
import { RANK, requestPreview } from "../shared/preview-queue.js";
import { selectedStyles } from "../shared/style-gallery.js";
import { addStyles } from "../shared/style-request.js";
import { readParams } from "./settings.js";

const SIDE = 384;
const DEBOUNCE_MS = 350;
const canvas = byId("canvas");
const video = byId("before");
const latestFrame = byId("latest-frame");
let timer = 0;
let controller = new AbortController();
// The frame that was captured last, with its video and time.
let captured = { url: null, time: null, picture: null };

/** The frame that the video shows, as a picture. */
async function captureFrame() {
  const { currentSrc: url, currentTime: time } = video;
  if (captured.url === url && captured.time === time) return captured.picture;
  const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight));
  const frame = new OffscreenCanvas(Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale));
  frame.getContext("2d").drawImage(video, 0, 0, frame.width, frame.height);
  const blob = await frame.convertToBlob({ type: "image/jpeg", quality: 0.95 });
  captured = { url, time, picture: Picture.ofFile(new File([blob], "frame.jpg", { type: blob.type })) };
  return captured.picture;
}

async function renderPreview(signal) {
  const styles = selectedStyles();
  if (!styles.length || !video.videoWidth || !["photo", "compared"].includes(canvas.dataset.state)) return;
  canvas.toggleAttribute("data-busy", true);
  try {
    const picture = await captureFrame();
    const body = {};
    const [upload, styleParams] = await Promise.all([picture.upload(), addStyles(styles, body)]);
    const { alpha, color } = readParams();
    const params = { alpha, color, size: SIDE, format: "jpeg", quality: 90, ...styleParams };
    const [url] = await requestPreview({ ...body, content: { upload }, params }, RANK.canvas, signal);
    if (signal.aborted) return;
    const isFirst = canvas.dataset.state === "photo";
    latestFrame.src = url;
    setLabels("Video", "Preview");
    setState("compared", "preview");
    if (isFirst) reveal();
  } catch (error) {
    // The video itself is painted all the same, and its errors are shown.
    if (!(error instanceof ApiError || error instanceof UnreachableError || error.name === "AbortError")) throw error;
  } finally {
    if (!signal.aborted) canvas.toggleAttribute("data-busy", false);
  }
}

/** Schedules a preview of the frame that is shown. */
export function update() {
  stop();
  const { signal } = controller;
  timer = setTimeout(() => renderPreview(signal), DEBOUNCE_MS);
}

/** Stops the preview that is being made. */
export function stop() {
  clearTimeout(timer);
  controller.abort();
  controller = new AbortController();
  canvas.toggleAttribute("data-busy", false);
}

/** Hides the preview, whose frame is not the one that is shown any more. */
export function hide() {
  stop();
  if (canvas.dataset.kind !== "preview") return;
  latestFrame.removeAttribute("src");
  setState("photo");
}
