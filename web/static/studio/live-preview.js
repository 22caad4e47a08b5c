// Live preview: a small render after every change of the settings, and five strengths side by side.
import { ApiError, UnreachableError } from "../shared/api.js";
import { byId } from "../shared/dom.js";
import { selectedStyles } from "../shared/style-gallery.js";
import * as canvas from "./canvas.js";
import { RANK, requestPreview } from "../shared/preview-queue.js";
import { buildRequest, keyWithoutStrength } from "./request.js";
import { setStrength, strength } from "./settings.js";

const SIDE = 384;
const STRENGTHS = [0.2, 0.4, 0.6, 0.8, 1];
const DEBOUNCE_MS = 160;

const strip = byId("strengths");
const buttons = [...strip.querySelectorAll("button")];
let photo = null;
let timer = 0;
let controller = new AbortController();
// The five renders of the strip, and the request (without its strength) that they belong to.
let rendered = { key: null, urls: null };
let handlers = { onShown: () => {}, onError: () => {} };

/** `onShown` is called after each preview, `onError` with an `ApiError`. */
export const setHandlers = (given) => (handlers = given);

function markStrength() {
  for (const button of buttons) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.alpha) === strength()));
  }
}

/** Approximates a strength by blending the two nearest of the five; the exact preview follows. */
function showBlend() {
  const alpha = strength();
  if (!rendered.urls) return;
  const upper = STRENGTHS.findIndex((each) => each >= alpha - 1e-9);
  const lower = upper > 0 ? STRENGTHS[upper - 1] : 0;
  const share = (alpha - lower) / (STRENGTHS[upper] - lower);
  const below = upper > 0 ? rendered.urls[upper - 1] : photo.url;
  if (share > 0.999) canvas.showPreview(rendered.urls[upper], { exact: true });
  else canvas.showPreview(below, { over: rendered.urls[upper], share, exact: false });
}

async function renderPreview(signal) {
  if (!photo || !selectedStyles().length) return;
  canvas.setBusy(true);
  try {
    const body = await buildPreviewRequest();
    if (signal.aborted) return;
    const key = keyWithoutStrength(body);
    // One of the five strengths is the very same picture.
    const ready = rendered.urls?.[STRENGTHS.indexOf(body.params.alpha)];
    const [url] = ready ? [ready] : await requestPreview(body, RANK.canvas, signal);
    if (signal.aborted) return;
    await canvas.showPreview(url);
    handlers.onShown();
    if (!rendered.urls) await renderStrip(body, key, signal);
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    if (!(error instanceof UnreachableError)) handlers.onError(error);
  } finally {
    if (!signal.aborted) canvas.setBusy(false);
  }
}

const buildPreviewRequest = () => buildRequest(photo, { size: SIDE, format: "jpeg", quality: 90 });

/** Empties the strip, whose pictures belong to other settings, and marks it as busy. */
function clearStrip(key = null) {
  rendered = { key, urls: null };
  for (const button of buttons) button.querySelector("img").removeAttribute("src");
  strip.setAttribute("aria-busy", "true");
}

async function renderStrip(body, key, signal) {
  const { alpha, ...params } = body.params;
  if (rendered.key !== key) clearStrip(key);
  const request = { ...body, params: { ...params, alphas: STRENGTHS } };
  const urls = await requestPreview(request, RANK.strengths, signal);
  if (signal.aborted || rendered.key !== key) return;
  rendered.urls = urls;
  buttons.forEach((button, n) => (button.querySelector("img").src = urls[n]));
  strip.removeAttribute("aria-busy");
  markStrength();
}

/**
 * Schedules a preview after a change. While `dragging` the strength, shows a blend of the five at once; a change
 * of anything but the strength (`strengthOnly`) empties the strip.
 */
export function update({ dragging = false, strengthOnly = dragging, delay = DEBOUNCE_MS } = {}) {
  markStrength();
  if (!strengthOnly) clearStrip();
  clearTimeout(timer);
  controller.abort();
  controller = new AbortController();
  if (!photo) return;
  if (dragging) showBlend();
  const { signal } = controller;
  timer = setTimeout(() => renderPreview(signal), delay);
}

/** Sets the photo, or null for none; previews of the last one disappear. */
export function setPhoto(picture) {
  photo = picture;
  clearStrip();
  strip.hidden = !photo;
  stop();
}

/** Stops the preview that is being made. */
export function stop() {
  clearTimeout(timer);
  controller.abort();
  canvas.setBusy(false);
}

/** Renders the strip alone, where it is missing: a job that was started earlier has stopped it. */
export async function fillStrip() {
  if (!photo || !selectedStyles().length || rendered.urls) return;
  controller.abort();
  controller = new AbortController();
  const { signal } = controller;
  try {
    const body = await buildPreviewRequest();
    if (!signal.aborted) await renderStrip(body, keyWithoutStrength(body), signal);
  } catch (error) {
    if (!(error instanceof ApiError || error instanceof UnreachableError || error.name === "AbortError")) throw error;
  }
}

for (const button of buttons) button.addEventListener("click", () => setStrength(button.dataset.alpha));
markStrength();
