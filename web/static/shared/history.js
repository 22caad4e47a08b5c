// History of jobs: a thumbnail for each, to open, cancel, delete, or compare with another.
import * as api from "./api.js";
import { byId, create } from "./dom.js";
import { styleTitle } from "./style-gallery.js";
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

/** Style and strength of a job's picture, such as "Woodcut, 80%". */
export const pictureTitle = (job) => `${styleTitle(job)}, ${Math.round((job.params?.alpha ?? 1) * 100)}%`;

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
    const cancels = isActive(job);
    try {
      await withRetry(() => (cancels ? api.cancelJob(job.id) : api.deleteJob(job.id)));
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
    }
    await refresh();
    if (!cancels) list.dispatchEvent(new CustomEvent("deleted", { detail: job.id }));
  });
  return button;
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
  jobs = answer.found;
  const focused = list.contains(document.activeElement) ? document.activeElement.hash : null;
  const key = (job) => `${job.id} ${job.status} ${isActive(job) ? job.progress?.step : ""}`;
  itemsByKey = new Map(jobs.map((job) => [key(job), itemsByKey.get(key(job)) ?? item(job)]));
  list.replaceChildren(...itemsByKey.values());
  if (focused) [...list.querySelectorAll("a")].find((link) => link.hash === focused)?.focus();
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
