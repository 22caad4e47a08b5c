// Small pictures made on the side: through the same API, ahead of full renders, a few at a time.
import * as api from "../shared/api.js";
import { persist } from "../shared/retry.js";

/** What is wanted first: the picture on the easel, then the five strengths, then the contact sheet. */
export const RANK = { easel: 0, strip: 1, sheet: 2 };

const KEPT = 160;
const known = new Map();
const waiting = [];
// One place is left to the easel, which must not wait for a contact sheet.
const room = { side: 1, all: 2 };
const busy = { side: 0, all: 0 };

function next() {
  waiting.sort((one, other) => one.rank - other.rank);
  const place = waiting.findIndex(({ rank }) => busy.all < room.all && (rank === RANK.easel || busy.side < room.side));
  if (place < 0) return;
  const [task] = waiting.splice(place, 1);
  if (task.signal?.aborted) {
    known.delete(task.key);
    task.reject(new DOMException("Not wanted any more", "AbortError"));
    return next();
  }
  const side = task.rank === RANK.easel ? 0 : 1;
  busy.all += 1;
  busy.side += side;
  render(task.body)
    .then(task.resolve, (error) => (known.delete(task.key), task.reject(error)))
    .finally(() => {
      busy.all -= 1;
      busy.side -= side;
      next();
    });
  next();
}

/** Renders a request; answers with the pictures' addresses, which are the browser's own. */
async function render(body) {
  const key = api.freshKey();
  const wish = { ...body, kind: "stylize", priority: api.PREVIEW_PRIORITY, expires_in: 3600 };
  let job = await persist(() => patient(() => api.submit(wish, key, 20)));
  while (!["succeeded", "failed", "canceled"].includes(job.status)) {
    job = await persist(() => api.ask(`${job.urls.self}?wait=20`));
  }
  if (job.status !== "succeeded") throw new api.Refusal(job.error ?? { detail: "No preview could be made." }, 0);
  const blobs = await Promise.all(job.outputs.map(({ url }) => persist(() => api.bytes(url))));
  // Nobody looks for it in the history.
  api.remove(job.id).catch(() => {});
  return blobs.map((blob) => URL.createObjectURL(blob));
}

/** A server that has enough to do is asked once more, when it said so. */
async function patient(attempt) {
  try {
    return await attempt();
  } catch (error) {
    if (!(error.patience > 0) || error.patience > 15) throw error;
    await new Promise((done) => setTimeout(done, error.patience * 1000));
    return attempt();
  }
}

/** The pictures of a request, made once. Throws an AbortError where `signal` comes before its turn. */
export function preview(body, rank, signal) {
  const key = JSON.stringify(body);
  const found = known.get(key);
  if (found) {
    // The most recent last: the first are let go first.
    known.delete(key);
    known.set(key, found);
    return found;
  }
  const made = new Promise((resolve, reject) => waiting.push({ key, body, rank, signal, resolve, reject }));
  made.catch(() => {});
  known.set(key, made);
  for (const [old, gone] of known) {
    if (known.size <= KEPT) break;
    known.delete(old);
    gone.then((urls) => urls.forEach((url) => URL.revokeObjectURL(url)), () => {});
  }
  next();
  return made;
}
