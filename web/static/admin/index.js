// The operator's page: queues to pause, who is at work on what, dead letters to send again, everybody's jobs.
import { Refusal, ask } from "../shared/api.js";
import { persist } from "../shared/retry.js";
import { complain } from "../shared/errors.js";
import { action, make, row, since } from "./tables.js";

const at = (id) => document.getElementById(id);
const EVERY = 4000;
const post = (path) => ask(path, { method: "POST" });

function button(words, act, label = words) {
  const made = make("button", words, { type: "button", className: "button" });
  made.setAttribute("aria-label", label);
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await persist(act);
      complain("");
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      complain(error.message);
    }
    await refresh();
    made.disabled = false;
  });
  return made;
}

function queue({ name, paused, paused_at: at_, queued, running, urls }) {
  const card = make("article", "", { className: "card" });
  card.dataset.paused = paused;
  const head = make("div", "", { className: "card-head" });
  head.append(make("h3", name), make("span", paused ? `paused since ${new Date(at_).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}` : "open", { className: "state" }));
  const counts = make("p", "", { className: "counts" });
  counts.append(make("strong", String(queued)), " waiting ", make("strong", String(running)), " running");
  const act = paused ? ["Resume", urls.resume] : ["Pause", urls.pause];
  card.append(head, counts, button(act[0], () => post(act[1]), `${act[0]} the queue ${name}`));
  return card;
}

const short = (job) => job.id.slice(0, 8);
const me = at("floor").dataset.me;

/** A job by its id; one's own can be looked at. */
function named(job) {
  const cell = make("td");
  const page = { stylize: "/", train: "/training", video: "/video" }[job.kind];
  const id = page && job.owner === me ? make("a", short(job), { href: `${page}#job=${job.id}`, title: job.id }) : make("span", short(job), { title: job.id });
  cell.append(id, ` ${job.kind}`);
  return cell;
}

function doing(job) {
  const { stage = "starting", step = 0, total = 0 } = job.progress ?? {};
  return total ? `${stage} ${step}/${total}` : stage;
}

const stop = (job) => button("Cancel", () => post(job.urls.cancel), `Cancel the job ${short(job)}`);
const again = (job) => button("Retry", () => post(job.urls.retry), `Retry the job ${short(job)}`);

function worker({ name, state, queues, started_at: began, seen_at: seen, job }) {
  const mark = make("td", "", { className: "mark" });
  mark.append(make("span", state, { className: `is-${state}` }), ` · ${queues.join(", ")}`);
  const work = job ? named(job) : make("td", state === "silent" ? "not known" : "nothing");
  if (job) work.append(`, ${doing(job)}`, job.owner === me ? "" : ` for ${job.owner}`);
  const began_ = job ? since(job.started_at) : began ? `started ${since(began)} ago` : "";
  return row(`${name} ${job?.id}`, name, mark, work, began_, seen ? `${since(seen)} ago` : "by its lease", action(job ? stop(job) : ""));
}

function dead(job) {
  return row(job.id, named(job), job.owner, job.error?.detail ?? "no reason was given", String(job.attempt), `${since(job.finished_at)} ago`, action(again(job)));
}

function listed(job) {
  const open = ["queued", "running"].includes(job.status);
  const now = job.cancel_requested ? "stopping" : job.paused ? "paused" : job.status === "running" ? `running, ${doing(job)}` : job.status;
  const said = make("td", open ? now : job.status);
  if (job.status === "failed") said.append(make("span", ` ${job.error?.detail ?? ""}`, { className: "fine" }));
  const act = open ? stop(job) : ["failed", "canceled"].includes(job.status) ? again(job) : "";
  return row(job.id, named(job), job.owner, said, `${job.attempt} of ${job.max_attempts}`, `${since(job.created_at)} ago`, action(act));
}

/** A Prometheus text as `name{labels}` → number. */
const parsed = (text) =>
  new Map(text.split("\n").filter((line) => line && !line.startsWith("#")).map((line) => {
    const cut = line.lastIndexOf(" ");
    return [line.slice(0, cut), Number(line.slice(cut + 1))];
  }));

const seconds = (value) => (value === undefined ? "not yet" : value < 10 ? `${value.toFixed(2)} s` : `${Math.round(value)} s`);

function figures(text) {
  const found = parsed(text);
  const total = (name) => [...found].filter(([key]) => key.startsWith(name)).reduce((sum, [, value]) => sum + value, 0);
  const shown = {
    "Waits, half of all under": seconds(found.get('atelier_wait_seconds{kind="stylize",quantile="0.5"}')),
    "Renders, half of all under": seconds(found.get('atelier_run_seconds{kind="stylize",quantile="0.5"}')),
    "Ended": String(total("atelier_jobs_finished_total")),
    "Leases lost": String(total("atelier_lease_expiries_total")),
    "Tokens unpublished": String(total("atelier_outbox_messages")),
    "Webhooks pending": String(total("atelier_webhooks_pending")),
  };
  at("figures").replaceChildren(...Object.entries(shown).map(([name, value]) => {
    const pair = document.createElement("div");
    pair.append(make("dt", name), make("dd", value));
    return pair;
  }));
}

let dying = [];

/** A row that is there already, with what its cells say now; the last one, with its button, stays. */
function refreshed(old, fresh) {
  if (!old.dataset.key) return old;
  [...fresh.children].slice(0, -1).forEach((cell, n) => old.children[n].replaceWith(cell));
  return old;
}

/** Writes what has changed and leaves the rest, so that no click falls between two of a button's lives. */
function fill(id, ...nodes) {
  const box = at(id);
  const name = (node) => node.dataset.key ?? node.outerHTML;
  const kept = new Map([...box.children].map((child) => [name(child), child]));
  nodes = nodes.map((node) => (kept.has(name(node)) ? refreshed(kept.get(name(node)), node) : node));
  const label = box.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  if (box.children.length === nodes.length && nodes.every((node, n) => box.children[n] === node)) return;
  box.replaceChildren(...nodes);
  if (label) [...box.querySelectorAll("button")].find((each) => each.getAttribute("aria-label") === label)?.focus();
}

let pages = 1;

/** The jobs that the filters let through, as far back as was asked for. */
async function page() {
  const jobs = [];
  let cursor = null;
  for (let count = 0; count < pages; count += 1) {
    const asked = new URLSearchParams([...new FormData(at("filters"))].filter(([, value]) => value));
    if (cursor) asked.set("cursor", cursor);
    const answer = await ask(`/v1/admin/jobs?limit=25&${asked}`);
    jobs.push(...answer.jobs);
    cursor = answer.next;
    if (!cursor) break;
  }
  return { jobs, more: Boolean(cursor) };
}

async function refresh() {
  const ready = ask("/readyz").catch((error) => (error instanceof Refusal ? { status: error.message } : { status: "away" }));
  const [queues, { workers }, letters, found, metrics, { status }] = await Promise.all([
    ask("/v1/queues"), ask("/v1/admin/workers"), ask("/v1/admin/jobs?dead=true&limit=100"), page(),
    // Figures are good to have; queues can be paused without them.
    ask("/metrics", {}, (response) => response.text()).catch(() => null), ready,
  ]);
  fill("queues", ...queues.queues.map(queue));
  at("queues").removeAttribute("aria-busy");
  fill("workers", ...workers.map(worker));
  at("nobody").hidden = workers.length > 0;
  fill("jobs", ...found.jobs.map(listed));
  at("no-jobs").hidden = found.jobs.length > 0;
  at("older").hidden = !found.more;
  dying = letters.jobs;
  fill("dead", ...dying.map(dead));
  at("none-dead").hidden = dying.length > 0;
  at("retry-all").hidden = dying.length < 2;
  if (metrics !== null) figures(metrics);
  at("health").textContent = status === "ready" ? "Everything answers." : `Not ready: ${status}.`;
  at("health").dataset.well = status === "ready";
}

at("retry-all").addEventListener("click", async () => {
  at("retry-all").disabled = true;
  for (const job of dying) await persist(() => post(job.urls.retry)).catch((error) => complain(error.message));
  at("retry-all").disabled = false;
  await refresh();
});

const look = () => persist(refresh).catch((error) => complain(error.message));
at("filters").addEventListener("input", () => {
  pages = 1;
  look();
});
at("filters").addEventListener("submit", (event) => event.preventDefault());
at("older").addEventListener("click", () => {
  pages += 1;
  look();
});

async function watch() {
  for (;;) {
    // A page in the background asks for nothing.
    if (!document.hidden) {
      try {
        await persist(refresh);
      } catch (error) {
        complain(error.message);
      }
    }
    await new Promise((done) => setTimeout(done, EVERY));
  }
}
watch();
