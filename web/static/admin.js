// The operator's page: queues to pause, what workers have in hand, dead letters to send again.
import { Refusal, ask } from "./api.js";
import { persist } from "./lifeline.js";

const at = (id) => document.getElementById(id);
const EVERY = 4000;
const post = (path) => ask(path, { method: "POST" });

function make(tag, words = "", extra = {}) {
  const element = document.createElement(tag);
  element.textContent = words;
  return Object.assign(element, extra);
}

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
  });
  return made;
}

function complain(sentence) {
  at("notice").textContent = sentence;
  at("notice").hidden = !sentence;
}

const since = (time) => {
  const seconds = Math.max(0, (Date.now() - new Date(time)) / 1000);
  return seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
};

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

function link(job) {
  const cell = make("td");
  cell.append(make("a", job.id.slice(0, 8), { href: job.kind === "train" ? `/training#job=${job.id}` : `/#job=${job.id}`, title: job.id }), ` ${job.kind}`);
  return cell;
}

function row(...cells) {
  const line = document.createElement("tr");
  line.append(...cells.map((cell) => (cell instanceof Node ? cell : make("td", cell))));
  return line;
}

function action(control) {
  const cell = make("td", "", { className: "act-cell" });
  cell.append(control);
  return cell;
}

function running(job) {
  const { stage = "starting", step = 0, total = 0 } = job.progress ?? {};
  const stop = button("Cancel", () => post(job.urls.cancel), `Cancel the job ${job.id.slice(0, 8)}`);
  return row(link(job), total ? `${stage} ${step}/${total}` : stage, `${job.attempt} of ${job.max_attempts}`, since(job.started_at), action(stop));
}

function dead(job) {
  const again = button("Retry", () => post(job.urls.retry), `Retry the job ${job.id.slice(0, 8)}`);
  return row(link(job), job.error?.detail ?? "no reason was given", String(job.attempt), `${since(job.finished_at)} ago`, action(again));
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

/** Writes what has changed and leaves the rest, so that no click falls between two of a button's lives. */
function fill(id, ...nodes) {
  const box = at(id);
  const kept = new Map([...box.children].map((child) => [child.outerHTML, child]));
  nodes = nodes.map((node) => kept.get(node.outerHTML) ?? node);
  const label = box.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  box.replaceChildren(...nodes);
  if (label) [...box.querySelectorAll("button")].find((each) => each.getAttribute("aria-label") === label)?.focus();
}

async function refresh() {
  const ready = ask("/readyz").catch((error) => (error instanceof Refusal ? { status: error.message } : { status: "away" }));
  const [queues, active, letters, metrics, { status }] = await Promise.all([
    ask("/v1/queues"), ask("/v1/jobs?status=running&limit=50"), ask("/v1/jobs?dead=true&limit=100"),
    // Figures are good to have; queues can be paused without them.
    ask("/metrics", {}, (response) => response.text()).catch(() => null), ready,
  ]);
  fill("queues", ...queues.queues.map(queue));
  at("queues").removeAttribute("aria-busy");
  fill("running", ...active.jobs.map(running));
  at("idle").hidden = active.jobs.length > 0;
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
