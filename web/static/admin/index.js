// The operators' page: queues to pause, workers and their jobs, failed jobs to retry, all jobs.
import { ApiError, post, request } from "../shared/api.js";
import { byId, create } from "../shared/dom.js";
import { shortDuration } from "../shared/duration.js";
import { showError } from "../shared/errors.js";
import { withRetry } from "../shared/reconnect.js";
import { sparkline } from "./sparkline.js";
import { actionCell, cell, replaceRows, row, since } from "./tables.js";

const REFRESH_MS = 4000;
const ownName = byId("operations").dataset.me;

function actionButton(text, act, label = text) {
  const button = create("button", { type: "button", className: "button", textContent: text });
  button.setAttribute("aria-label", label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await withRetry(act);
      showError("");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      showError(error.message);
    }
    await refresh();
    button.disabled = false;
  });
  return button;
}

// -- cells and rows ----------------------------------------------------------------------------------

function queueCard({ name, paused, paused_at: pausedAt, queued, running, urls }) {
  const time = paused && new Date(pausedAt).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const state = create("span", { className: "state", textContent: paused ? `paused since ${time}` : "open" });
  const counts = create(
    "p",
    { className: "counts" },
    create("strong", { textContent: queued }),
    " waiting ",
    create("strong", { textContent: running }),
    " running",
  );
  const [text, url] = paused ? ["Resume", urls.resume] : ["Pause", urls.pause];
  const button = actionButton(text, () => post(url), `${text} the queue ${name}`);
  const head = create("div", { className: "card-head" }, create("h3", { textContent: name }), state);
  const card = create("article", { className: "card" }, head, counts, button);
  card.dataset.paused = paused;
  return card;
}

const shortId = (job) => job.id.slice(0, 8);
const PAGES = { stylize: "/", train: "/training", video: "/video" };

/** A job's id and kind. A job of one's own is a link to its page, with a thumbnail: others' pictures are private. */
function jobCell(job) {
  const page = PAGES[job.kind];
  const text = { textContent: shortId(job), title: job.id };
  if (!page || job.owner !== ownName) return create("td", {}, create("span", text), ` ${job.kind}`);
  const link = create("a", { ...text, href: `${page}#job=${job.id}` });
  const pictured = job.status === "succeeded" && job.kind !== "train";
  const src = `/v1/jobs/${job.id}/output/thumbnail`;
  return create("td", {}, pictured ? create("img", { src, alt: "", loading: "lazy" }) : "", link, ` ${job.kind}`);
}

/** How long a job ran, or has been running. */
function runTime({ started_at: started, finished_at: finished }) {
  if (!started) return "";
  return shortDuration((new Date(finished ?? Date.now()) - new Date(started)) / 1000);
}

function progressText(job) {
  const { stage = "starting", step = 0, total = 0 } = job.progress ?? {};
  return total ? `${stage} ${step}/${total}` : stage;
}

const cancelButton = (job) => actionButton("Cancel", () => post(job.urls.cancel), `Cancel the job ${shortId(job)}`);
const retryButton = (job) => actionButton("Retry", () => post(job.urls.retry), `Retry the job ${shortId(job)}`);

function workerRow({ name, state, queues, started_at: started, seen_at: seen, job }) {
  const mark = create("span", { className: `is-${state}`, textContent: state });
  const stateCell = create("td", { className: "state-cell" }, mark, ` · ${queues.join(", ")}`);
  const work = job ? jobCell(job) : cell(state === "silent" ? "unknown" : "nothing");
  if (job) work.append(`, ${progressText(job)}`, job.owner === ownName ? "" : ` for ${job.owner}`);
  const startedText = job ? since(job.started_at) : started ? `started ${since(started)} ago` : "";
  const seenText = seen ? `${since(seen)} ago` : "by its lease";
  return row(
    `${name} ${job?.id}`,
    name,
    stateCell,
    work,
    startedText,
    seenText,
    actionCell(job ? cancelButton(job) : ""),
  );
}

function deadJobRow(job) {
  const reason = job.error?.detail ?? "no reason was given";
  const failed = `${since(job.finished_at)} ago`;
  return row(job.id, jobCell(job), job.owner, reason, String(job.attempt), failed, actionCell(retryButton(job)));
}

function statusText(job) {
  if (!["queued", "running"].includes(job.status)) return job.status;
  if (job.cancel_requested) return "cancelling";
  if (job.paused) return "paused";
  return job.status === "running" ? `running, ${progressText(job)}` : job.status;
}

function jobRow(job) {
  const active = ["queued", "running"].includes(job.status);
  const status = cell(statusText(job));
  if (job.status === "failed")
    status.append(create("span", { className: "muted", textContent: ` ${job.error?.detail ?? ""}` }));
  const action = active ? cancelButton(job) : ["failed", "canceled"].includes(job.status) ? retryButton(job) : "";
  const attempts = `${job.attempt} of ${job.max_attempts}`;
  const created = `${since(job.created_at)} ago`;
  return row(job.id, jobCell(job), job.owner, status, attempts, created, runTime(job), actionCell(action));
}

// -- metrics -----------------------------------------------------------------------------------------

/** Parses the Prometheus text format: `name{labels}` → number. */
const parseMetrics = (text) =>
  new Map(
    text
      .split("\n")
      .filter((line) => line && !line.startsWith("#"))
      .map((line) => {
        const cut = line.lastIndexOf(" ");
        return [line.slice(0, cut), Number(line.slice(cut + 1))];
      }),
  );

const secondsText = (value) =>
  value === undefined ? "not yet" : value < 10 ? `${value.toFixed(2)} s` : `${Math.round(value)} s`;

function metricItem(name, ...value) {
  return create("div", {}, create("dt", { textContent: name }), create("dd", {}, ...value));
}

/** Sums of the last hour, each with its sparkline. */
function historyItems({ ended, step_minutes: minutes }) {
  const names = { succeeded: "Succeeded in the last hour", failed: "Failed in the last hour" };
  return Object.entries(names).map(([status, name]) => {
    const total = ended[status].reduce((sum, count) => sum + count, 0);
    const label = `${name}, in steps of ${minutes} minutes: ${ended[status].join(", ")}`;
    return metricItem(name, String(total), sparkline(ended[status], label, status));
  });
}

function showMetrics(text, history) {
  const metrics = parseMetrics(text);
  const total = (name) =>
    [...metrics].filter(([key]) => key.startsWith(name)).reduce((sum, [, value]) => sum + value, 0);
  const values = {
    "Median wait of pictures": secondsText(metrics.get('atelier_wait_seconds{kind="stylize",quantile="0.5"}')),
    "Median run of pictures": secondsText(metrics.get('atelier_run_seconds{kind="stylize",quantile="0.5"}')),
    "Jobs ended in all": total("atelier_jobs_finished_total"),
    "Jobs whose worker was lost": total("atelier_lease_expiries_total"),
    "Jobs not yet announced to workers": total("atelier_outbox_messages"),
    "Webhooks to send": total("atelier_webhooks_pending"),
  };
  byId("metrics").replaceChildren(
    ...(history ? historyItems(history) : []),
    ...Object.entries(values).map(([name, value]) => metricItem(name, String(value))),
  );
}

// -- refresh -----------------------------------------------------------------------------------------

let deadJobs = [];
let pages = 1;

/** The jobs that the filters match, as many pages as were asked for. */
async function fetchJobs() {
  const jobs = [];
  let cursor = null;
  for (let count = 0; count < pages; count += 1) {
    const query = new URLSearchParams([...new FormData(byId("filters"))].filter(([, value]) => value));
    if (cursor) query.set("cursor", cursor);
    const answer = await request(`/v1/admin/jobs?limit=25&${query}`);
    jobs.push(...answer.jobs);
    cursor = answer.next;
    if (!cursor) break;
  }
  return { jobs, more: Boolean(cursor) };
}

async function fetchHealth() {
  try {
    return (await request("/readyz")).status;
  } catch (error) {
    return error instanceof ApiError ? error.message : "unreachable";
  }
}

async function refresh() {
  const [{ queues }, { workers }, dead, found, metrics, history, health] = await Promise.all([
    request("/v1/queues"),
    request("/v1/admin/workers"),
    request("/v1/admin/jobs?dead=true&limit=100"),
    fetchJobs(),
    // The page works without metrics.
    request("/metrics", {}, (response) => response.text()).catch(() => null),
    request("/v1/admin/history").catch(() => null),
    fetchHealth(),
  ]);
  replaceRows(byId("queues"), ...queues.map(queueCard));
  byId("queues").removeAttribute("aria-busy");
  replaceRows(byId("workers"), ...workers.map(workerRow));
  byId("no-workers").hidden = workers.length > 0;
  replaceRows(byId("jobs"), ...found.jobs.map(jobRow));
  byId("no-jobs").hidden = found.jobs.length > 0;
  byId("older").hidden = !found.more;
  deadJobs = dead.jobs;
  replaceRows(byId("dead-jobs"), ...deadJobs.map(deadJobRow));
  byId("no-dead-jobs").hidden = deadJobs.length > 0;
  byId("retry-all").hidden = deadJobs.length < 2;
  if (metrics !== null) showMetrics(metrics, history);
  byId("health").textContent = health === "ready" ? "Everything answers." : `Not ready: ${health}.`;
  byId("health").dataset.healthy = health === "ready";
}

const refreshOrShowError = () => withRetry(refresh).catch((error) => showError(error.message));

byId("retry-all").addEventListener("click", async () => {
  byId("retry-all").disabled = true;
  for (const job of deadJobs) await withRetry(() => post(job.urls.retry)).catch((error) => showError(error.message));
  byId("retry-all").disabled = false;
  await refresh();
});
byId("filters").addEventListener("input", () => {
  pages = 1;
  refreshOrShowError();
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("older").addEventListener("click", () => {
  pages += 1;
  refreshOrShowError();
});

async function poll() {
  for (;;) {
    // A page in the background is not refreshed.
    if (!document.hidden) await refreshOrShowError();
    await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  }
}
poll();
