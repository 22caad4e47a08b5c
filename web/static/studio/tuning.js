// Tuning of an own style: a button that trains a network for it, its progress, and the swap when it is ready.
import * as api from "../shared/api.js";
import { byId } from "../shared/dom.js";
import { duration } from "../shared/duration.js";
import { showError } from "../shared/errors.js";
import { followJob, isFinal } from "../shared/follow-job.js";
import { forgetPreviews } from "../shared/preview-queue.js";
import { withRetry } from "../shared/reconnect.js";
import { markTuned } from "../shared/style-gallery.js";

const line = byId("tuning");
const text = byId("tuning-text");
const button = byId("tune-style");
/** SHA-256 of a style's picture → the newest tuning of it. */
const tunings = new Map();
let known = null;
let shown = null;
let onTuned = () => {};

/** `act` is called when the style that is chosen has been tuned. */
export const handleTuned = (act) => (onTuned = act);

const isActive = (job) => job && !isFinal(job);
const styleDigest = (job) => job.inputs.find(({ role }) => role === "style")?.sha256;

/** Fetches the newest trainings once, newest last in the map, and follows the tunings that have not ended. */
async function fetchTunings() {
  const { jobs } = await withRetry(() => api.listJobs("train"));
  for (const job of jobs.filter(({ params }) => params.recipe === "tune").reverse()) {
    tunings.set(styleDigest(job), job);
    if (isActive(job)) follow(job);
  }
}

/** The time of the last tuning here, or a sentence that promises none. */
function estimate() {
  const last = [...tunings.values()].reverse().find(({ status, metrics }) => status === "succeeded" && metrics?.figures);
  if (!last) return "It takes minutes; the time left is measured in its first steps.";
  return `It takes about ${duration(last.metrics.figures.seconds)}, as the last tuning here did.`;
}

function progressText({ status, progress, queue, cancel_requested: stopping }) {
  if (stopping) return "The tuning stops.";
  if (status === "queued") return queue?.position ? `The tuning waits for ${queue.position} other jobs.` : "The tuning starts.";
  const { stage, step = 0, total = 0, eta_s: left } = progress ?? {};
  if (stage !== "train" || !total) return "The tuning reads its pictures.";
  return `Tuning: step ${step} of ${total}${left ? `, ${duration(left)} left` : ""}.`;
}

function show() {
  const job = shown && tunings.get(shown.sha256);
  line.hidden = !shown || (shown.tuned && !isActive(job));
  if (line.hidden) return;
  const active = isActive(job);
  button.textContent = active ? "Stop" : "Tune to this style";
  button.disabled = Boolean(active && job.cancel_requested);
  if (active) text.textContent = progressText(job);
  else if (job?.status === "failed") text.textContent = `The tuning failed. ${job.error?.detail ?? ""}`;
  else text.textContent = `A network that is tuned to it paints with its strokes. ${estimate()}`;
}

/** Shows the button for the style that is chosen; null for none, or one that can't be tuned. */
export async function showTuning(style) {
  shown = style?.own && style.id ? style : null;
  if (!shown) return show();
  known ??= fetchTunings();
  await known.catch(() => (known = null));
  show();
}

async function follow(first) {
  const digest = styleDigest(first);
  const update = (job) => {
    tunings.set(digest, job);
    show();
  };
  try {
    const job = await followJob(first, update, new AbortController().signal);
    if (job?.status !== "succeeded") return;
    markTuned(digest);
    // The same request gives another picture from now on.
    forgetPreviews();
    const chosen = shown?.sha256 === digest;
    if (chosen) shown = { ...shown, tuned: true };
    show();
    if (chosen) onTuned();
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    // The job was deleted.
    tunings.delete(digest);
    show();
  }
}

button.addEventListener("click", async () => {
  const style = shown;
  const job = tunings.get(style.sha256);
  button.disabled = true;
  try {
    if (isActive(job)) {
      tunings.set(style.sha256, { ...job, ...(await withRetry(() => api.cancelJob(job.id))) });
    } else {
      const started = await withRetry(() => api.tuneStyle(style.id), 4);
      tunings.set(style.sha256, started);
      follow(started);
    }
  } catch (error) {
    if (!(error instanceof api.ApiError || error instanceof api.UnreachableError)) throw error;
    showError(error.message || "The server does not answer.");
  } finally {
    show();
  }
});
