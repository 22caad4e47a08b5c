// History of jobs: a thumbnail for each, to open, cancel, delete, or compare with another.
import * as api from "./api.js";
import { byId, create } from "./dom.js";
import { showError } from "./errors.js";
import { pictureTitle } from "./style-gallery.js";
import { withRetry } from "./reconnect.js";

const list = byId("history-list");
const olderButton = byId("older");
const pickHint = byId("pick-hint");
const STATUS_WORDS = { queued: "Queued", running: "Painting", failed: "Failed", canceled: "Cancelled" };
const CROSS = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 6l12 12M18 6 6 18"/></svg>';

const isActive = (job) => ["queued", "running"].includes(job.status);
function createdTime(job) {
  const time = new Date(job.created_at);
  const today = time.toDateString() === new Date().toDateString();
  const day = today ? {} : { day: "numeric", month: "short" };
  return time.toLocaleString([], { ...day, hour: "2-digit", minute: "2-digit" });
}

function thumbnail(job, title) {
  const src = job.outputs?.find((each) => each.thumbnail)?.thumbnail;
  if (src) return create("img", { src, alt: title, loading: "lazy", decoding: "async" });
  return create("span", { textContent: STATUS_WORDS[job.status] ?? job.status });
}

function cancelOrDeleteButton(job, title) {
  const button = create("button", { type: "button", className: "history-action", innerHTML: CROSS });
  button.title = isActive(job) ? "Cancel" : "Delete";
  button.setAttribute("aria-label", `${button.title}: ${title}`);
  button.addEventListener("click", async () => {
    button.disabled = true;
    if (!isActive(job)) return deleteJob(job);
    try {
      await withRetry(() => api.cancelJob(job.id));
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
    }
    await refresh();
  });
  return button;
}

// Jobs whose deletion can still be undone, which the list leaves out.
const hiddenIds = new Set();

/** Deletes a job, with a chance to undo it; an undo opens the job again if it was open. */
export async function deleteJob(job) {
  const { deleteWithUndo } = await import("./undo.js");
  const wasOpen = job.id === currentId;
  hiddenIds.add(job.id);
  list.dispatchEvent(new CustomEvent("deleted", { detail: job.id }));
  refresh();
  const undo = () => {
    hiddenIds.delete(job.id);
    if (wasOpen) location.hash = `job=${encodeURIComponent(job.id)}`;
    refresh();
  };
  const commit = async ({ closing }) => {
    try {
      await (closing ? api.deleteJob(job.id) : withRetry(() => api.deleteJob(job.id)));
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      if (error.status === 404) return;
      showError(error.message);
      undo();
    }
  };
  deleteWithUndo(`The ${list.dataset.kind === "video" ? "video" : "picture"} was deleted.`, { commit, undo });
}

function progressBar(job, title) {
  const { step = 0, total = 0 } = job.progress ?? {};
  const bar = create("progress", { max: total || 1 });
  if (total) bar.value = step;
  bar.setAttribute("aria-label", `Progress of ${title}`);
  return bar;
}

function item(job) {
  const title = `${pictureTitle(job)}, ${createdTime(job)}`;
  const face = thumbnail(job, title);
  const link = create("a", { href: `#job=${encodeURIComponent(job.id)}`, title }, face);
  link.dataset.status = job.status;
  if (face.localName === "span") {
    link.setAttribute("aria-label", `${face.textContent}: ${title}`);
    if (isActive(job)) link.append(progressBar(job, title));
  }
  link.addEventListener("click", (event) => {
    if (!onPick) return;
    event.preventDefault();
    const act = onPick;
    pickNext(null);
    act(job);
  });
  return create("li", {}, link, cancelOrDeleteButton(job, title));
}

// -- comparing any two ---------------------------------------------------------------------------

let onPick = null;

/** Hands the next picture that is clicked to `act`, instead of opening it; null ends this. */
export function pickNext(act) {
  onPick = act;
  pickHint.hidden = !act;
  list.classList.toggle("picking", Boolean(act));
  if (act) list.querySelector("a:not([aria-current])")?.focus();
}
byId("cancel-pick").addEventListener("click", () => pickNext(null));
addEventListener("keydown", (event) => event.key === "Escape" && onPick && pickNext(null));

// -- the list ------------------------------------------------------------------------------------

let currentId = null;

/** Marks the job that is open, now and after later refreshes. */
export function markCurrent(id) {
  currentId = id;
  for (const link of list.querySelectorAll("a")) {
    if (link.hash === `#job=${id}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

let requests = 0;
let itemsByKey = new Map();
let jobs = [];
let pages = 1;

/** Pages of jobs, without the previews that a closed page left behind. */
async function fetchJobs() {
  const found = [];
  let cursor = null;
  for (let page = 0; page < pages || (found.length < 12 && page < pages + 3); page += 1) {
    const answer = await withRetry(() => api.listJobs(list.dataset.kind, cursor));
    found.push(...answer.jobs.filter((job) => job.priority !== api.PREVIEW_PRIORITY));
    cursor = answer.next;
    if (!cursor) break;
  }
  return { found, more: Boolean(cursor) };
}

/** Fetches the recent jobs and shows them; only the newest of concurrent answers counts. */
export async function refresh() {
  const request = (requests += 1);
  const answer = await fetchJobs().catch(() => null);
  if (request !== requests || !answer) return;
  jobs = answer.found.filter(({ id }) => !hiddenIds.has(id));
  const focused = list.contains(document.activeElement) ? document.activeElement.hash : null;
  const key = (job) => `${job.id} ${job.status} ${isActive(job) ? job.progress?.step : ""}`;
  itemsByKey = new Map(jobs.map((job) => [key(job), itemsByKey.get(key(job)) ?? item(job)]));
  list.replaceChildren(...itemsByKey.values());
  if (focused) [...list.querySelectorAll("a")].find((link) => link.hash === focused)?.focus({ preventScroll: true });
  markCurrent(currentId);
  olderButton.hidden = !answer.more;
  byId("history-empty").hidden = jobs.length > 0;
  // The job that is open is followed by events; the others are polled.
  const waiting = jobs.some((job) => job.id !== currentId && isActive(job));
  if (waiting) setTimeout(() => request === requests && refresh(), 2500);
}

/** How many pictures can be compared with the one that is open. */
export const countOthers = () => jobs.filter((job) => job.id !== currentId && job.status === "succeeded").length;

olderButton.addEventListener("click", () => {
  pages += 1;
  refresh();
});
