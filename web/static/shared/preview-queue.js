// Preview queue: small pictures rendered by jobs of a high priority, two at a time, and cached.
import * as api from "./api.js";
import { withRetry } from "./reconnect.js";

/** Order of previews: the picture on the canvas, then the five strengths, then the gallery's tiles. */
export const RANK = { canvas: 0, strengths: 1, gallery: 2 };

const MAX_CACHED = 160;
const cache = new Map();
const waiting = [];
// One of the two is reserved for the canvas, which must not wait for the gallery's tiles.
const limits = { background: 1, total: 2 };
const running = { background: 0, total: 0 };

const canStart = ({ rank }) =>
  running.total < limits.total && (rank === RANK.canvas || running.background < limits.background);

function startNext() {
  waiting.sort((one, other) => one.rank - other.rank);
  const index = waiting.findIndex(canStart);
  if (index < 0) return;
  const [task] = waiting.splice(index, 1);
  if (task.signal?.aborted) {
    cache.delete(task.key);
    task.reject(new DOMException("The preview is not wanted any more", "AbortError"));
    return startNext();
  }
  const background = task.rank === RANK.canvas ? 0 : 1;
  running.total += 1;
  running.background += background;
  render(task.body)
    .then(task.resolve, (error) => {
      cache.delete(task.key);
      task.reject(error);
    })
    .finally(() => {
      running.total -= 1;
      running.background -= background;
      startNext();
    });
  startNext();
}

const submissions = new Set();

/** Resolves once the server has answered every request that was sent. */
export const allSubmitted = () => Promise.allSettled([...submissions]);

function submit(request, key) {
  const submission = api.submitJob(request, key, 20);
  submissions.add(submission);
  submission.catch(() => {}).finally(() => submissions.delete(submission));
  return submission;
}

/** Renders a request; answers with object URLs of its outputs. */
async function render(body) {
  const key = api.newIdempotencyKey();
  const request = { ...body, kind: "stylize", priority: api.PREVIEW_PRIORITY, expires_in: 3600 };
  let job = await withRetry(() => retryWhenBusy(() => submit(request, key)));
  while (!["succeeded", "failed", "canceled"].includes(job.status)) {
    job = await withRetry(() => api.request(`${job.urls.self}?wait=20`));
  }
  if (job.status !== "succeeded") throw new api.ApiError(job.error ?? { detail: "No preview could be made." }, 0);
  const blobs = await Promise.all(job.outputs.map(({ url }) => withRetry(() => api.fetchBlob(url))));
  // Deleted, so that the history shows no previews.
  api.deleteJob(job.id).catch(() => {});
  return blobs.map((blob) => URL.createObjectURL(blob));
}

/** Repeats a request once after the server's `Retry-After`, where that is at most 15 seconds. */
async function retryWhenBusy(act) {
  try {
    return await act();
  } catch (error) {
    if (!(error.retryAfter > 0) || error.retryAfter > 15) throw error;
    await new Promise((resolve) => setTimeout(resolve, error.retryAfter * 1000));
    return act();
  }
}

/** Empties the cache, because the server renders the same requests differently from now on. */
export function forgetPreviews() {
  for (const preview of cache.values()) {
    preview.then(
      // Later, because the page may show one until the next preview is there.
      (urls) => setTimeout(() => urls.forEach((url) => URL.revokeObjectURL(url)), 60_000),
      () => {},
    );
  }
  cache.clear();
}

/** Object URLs of a request's outputs, rendered once. Throws an AbortError where `signal` aborts before its turn. */
export function requestPreview(body, rank, signal) {
  const key = JSON.stringify(body);
  const cached = cache.get(key);
  if (cached) {
    // Moved to the end: the least recently used leave the cache first.
    cache.delete(key);
    cache.set(key, cached);
    return cached;
  }
  const preview = new Promise((resolve, reject) => waiting.push({ key, body, rank, signal, resolve, reject }));
  preview.catch(() => {});
  cache.set(key, preview);
  for (const [oldKey, old] of cache) {
    if (cache.size <= MAX_CACHED) break;
    cache.delete(oldKey);
    old.then(
      (urls) => urls.forEach((url) => URL.revokeObjectURL(url)),
      () => {},
    );
  }
  startNext();
  return preview;
}
