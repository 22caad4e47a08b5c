// The training page: what to learn and from what, the lesson that goes on, and what came of earlier ones.
import * as api from "../shared/api.js";
import { plot } from "./loss-chart.js";
import { say } from "../shared/range-label.js";
import { isFinal, follow } from "../shared/follow-job.js";
import { persist } from "../shared/retry.js";
import { attempt, complain } from "../shared/errors.js";
import * as works from "./networks.js";

const at = (id) => document.getElementById(id);
const post = (path, options) => api.ask(path, { method: "POST", ...options });
const shown = { job: null, losses: [], samples: new Map(), following: new AbortController(), picked: null };
const REST = 1200;

// -- what to learn ---------------------------------------------------------------------------------

const slug = (title) => title.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 64);
let named = false;

function tile(style) {
  const box = document.createElement("label");
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "style", value: style.id });
  const image = Object.assign(document.createElement("img"), { src: style.urls.thumbnail, alt: style.title, decoding: "async", loading: "lazy" });
  box.className = "tile";
  box.title = style.title;
  box.append(radio, image);
  return box;
}

const chosen = () => document.querySelector("#grid input:checked");

function describe() {
  const title = chosen()?.parentElement.title ?? "";
  const name = document.createElement("strong");
  name.textContent = title;
  at("style-label").replaceChildren(name);
  if (!named) at("name").value = slug(title);
}

async function hangStyles() {
  const styles = await persist(api.styles);
  at("grid").append(...[...styles].sort((one, other) => other.own - one.own).map(tile));
  at("grid").removeAttribute("aria-busy");
  const first = document.querySelector("#grid input");
  if (first) first.checked = true;
  describe();
}

async function listDatasets(pick) {
  const { items } = await persist(() => api.ask("/v1/datasets"));
  at("dataset").replaceChildren(...items.map(({ id, name, images }) => new Option(`${name} (${images})`, id)));
  if (pick) at("dataset").value = pick;
}

function words() {
  say(at("steps"), at("steps").value);
  const strength = 2 ** at("strength").value;
  say(at("strength"), `×${Math.round(strength * 100) / 100}`);
  estimate();
}

/** From the lessons that this machine gave before; without one, nothing is promised. */
function estimate() {
  const rate = works.pace();
  const pictures = at("steps").value * (Number(at("batch_size").value) || 4);
  const pixels = ((Number(at("image_size").value) || 256) / 256) ** 2;
  const minutes = rate ? (pictures * pixels) / rate / 60 : null;
  at("estimate").textContent = minutes === null
    ? "No lesson was timed here yet. The time left shows after the first steps."
    : `About ${minutes < 1.5 ? `${Math.max(1, Math.round(minutes * 60))} seconds` : `${Math.round(minutes)} minutes`}, as fast as the last lesson here.`;
}

function request() {
  const body = new FormData();
  const fields = { kind: "train", name: at("name").value.trim(), style_id: chosen()?.value, dataset_id: at("dataset").value,
    max_steps: at("steps").value, strength: 2 ** at("strength").value, warm_start: at("warm_start").checked };
  for (const id of ["image_size", "batch_size", "seed"]) if (at(id).value) fields[id] = at(id).value;
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) body.set(name, value);
  return body;
}

async function start() {
  if (!at("name").value.trim()) {
    at("name").focus();
    return complain("Give the network a name: small letters, digits and hyphens.");
  }
  complain("");
  const body = request();
  const key = api.freshKey();
  at("start").disabled = true;
  const job = await attempt(() => post("/v1/jobs", { body, headers: { "Idempotency-Key": key } }));
  at("start").disabled = false;
  if (job) location.hash = `job=${encodeURIComponent(job.id)}`;
}

// -- the lesson that goes on -----------------------------------------------------------------------

const about = (seconds) => (seconds < 90 ? `${Math.max(1, Math.round(seconds))} seconds` : `${Math.round(seconds / 60)} minutes`);

function state(job) {
  const { stage, step = 0, total = 0, images_per_second: pace, eta_s: left } = job.progress ?? {};
  const counted = total ? `Step ${step} of ${total}` : "";
  const detail = [counted, pace && `${pace.toFixed(1)} pictures a second`, left > 0 && `about ${about(left)} left`].filter(Boolean).join(" · ");
  if (job.cancel_requested && !isFinal(job)) return ["Giving up", "", null];
  if (job.paused && job.status === "queued") return ["Paused", "It goes on from the very same step.", null];
  return {
    queued: ["Waiting for a worker", job.queue?.position ? `${job.queue.position} before it` : "Next in line", "unknown"],
    running: [stage === "train" || !stage ? `Learning ${job.params.name}` : `${stage[0].toUpperCase()}${stage.slice(1)}`, detail, total ? (100 * step) / total : "unknown"],
    succeeded: [`${job.params.name} is ready`, "It hangs in the studio’s gallery.", 100],
    failed: ["This one did not work out", job.error?.detail ?? "No reason was given.", null],
    canceled: ["Given up", "Nothing was published.", null],
  }[job.status];
}

function tell(job) {
  const [title, detail, done] = state(job);
  at("training-title").textContent = title;
  at("detail").textContent = detail;
  if (at("announce").dataset.title !== title) at("announce").textContent = title;
  at("announce").dataset.title = title;
  const ledge = at("ledge");
  ledge.dataset.done = done === null ? "rest" : done === "unknown" ? "unknown" : done >= 100 ? "all" : "some";
  ledge.dataset.tone = job.status === "failed" ? "bad" : "";
  ledge.style.setProperty("--done", typeof done === "number" ? `${done}%` : "0%");
  if (typeof done === "number") ledge.setAttribute("aria-valuenow", Math.round(done));
  else ledge.removeAttribute("aria-valuenow");
  const going = !isFinal(job) && !job.cancel_requested;
  at("pause").hidden = !going || job.paused;
  at("resume").hidden = !going || !job.paused;
  at("cancel").hidden = !going;
  at("finish").hidden = !going || job.status !== "running";
  at("use").hidden = job.status !== "succeeded";
  at("use").href = `/#network=${encodeURIComponent(job.params.name)}`;
  document.title = `${title} · Atelier`;
}

function show(sample) {
  at("sample").src = sample.url;
  at("sample").alt = `The sample at step ${sample.step}`;
  at("sample").hidden = false;
  at("unstarted").hidden = true;
  for (const button of at("filmstrip").querySelectorAll("button")) button.setAttribute("aria-pressed", String(Number(button.dataset.step) === sample.step));
}

function hang(sample) {
  if (shown.samples.has(sample.step)) return;
  shown.samples.set(sample.step, sample);
  const item = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button" });
  button.dataset.step = sample.step;
  button.append(Object.assign(document.createElement("img"), { src: sample.url, alt: "", loading: "lazy" }), `step ${sample.step}`);
  button.addEventListener("click", () => {
    shown.picked = sample.step;
    show(sample);
  });
  item.append(button);
  at("filmstrip").append(item);
  at("filmstrip").hidden = false;
  // Whoever looks at an earlier one is left in peace.
  if (shown.picked === null) {
    show(sample);
    at("filmstrip").scrollLeft = at("filmstrip").scrollWidth;
  }
}

let timer = 0;
function measure(signal) {
  if (timer) return;
  timer = setTimeout(async () => {
    timer = 0;
    if (signal.aborted) return;
    const after = shown.losses.at(-1)?.step ?? -1;
    const { items } = await persist(() => api.ask(`/v1/jobs/${shown.job.id}/losses?after=${after}`));
    if (signal.aborted) return;
    shown.losses.push(...items);
    plot(shown.losses, shown.job.params.max_steps);
    if (items.length >= 2000) measure(signal);
  }, shown.losses.length ? REST : 0);
}

function note({ message, step }) {
  const words = `Step ${step}: ${message}`;
  if ([...at("notices").children].some((each) => each.textContent === words)) return;
  at("notices").append(Object.assign(document.createElement("li"), { textContent: words }));
  at("notices").hidden = false;
}

async function watch(id) {
  shown.following.abort();
  shown.following = new AbortController();
  const { signal } = shown.following;
  Object.assign(shown, { losses: [], samples: new Map(), picked: null });
  at("filmstrip").replaceChildren();
  at("notices").replaceChildren();
  at("filmstrip").hidden = at("notices").hidden = at("sample").hidden = true;
  at("unstarted").hidden = false;
  plot([], 1);
  try {
    const job = await persist(() => api.job(id, signal));
    if (signal.aborted || job.kind !== "train") return;
    shown.job = job;
    works.mark(id);
    const { items } = await persist(() => api.ask(`/v1/jobs/${id}/samples`));
    items.forEach(hang);
    measure(signal);
    let status = null;
    const changed = (now) => {
      shown.job = now;
      tell(now);
      measure(signal);
      if (now.status !== status) works.refresh();
      status = now.status;
    };
    await follow(job, changed, signal, { sample: hang, losses: () => measure(signal), notice: note, pause: () => {} });
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof api.Refusal)) throw error;
    at("training-title").textContent = "That lesson is no longer here";
    at("detail").textContent = "";
  }
}

for (const verb of ["pause", "resume", "finish", "cancel"]) {
  at(verb).addEventListener("click", async () => {
    at(verb).disabled = true;
    const job = await attempt(() => post(`/v1/jobs/${shown.job.id}/${verb}`));
    at(verb).disabled = false;
    if (!job) return;
    tell(Object.assign(shown.job, job));
    if (verb === "finish") at("detail").textContent = "It ends with this step.";
  });
}

// -- wiring ------------------------------------------------------------------------------------------

at("syllabus").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
at("grid").addEventListener("change", describe);
at("name").addEventListener("input", () => (named = Boolean(at("name").value)));
for (const id of ["steps", "strength", "image_size", "batch_size"]) at(id).addEventListener("input", words);
at("style-file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  const title = file.name.replace(/\.[^.]+$/, "");
  const style = await attempt(() => api.addStyle(file, file.name, title));
  event.target.value = "";
  if (!style) return;
  at("slot").after(tile(style));
  document.querySelector(`#grid input[value="${CSS.escape(style.id)}"]`).checked = true;
  describe();
});
at("dataset-file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  const body = new FormData();
  body.set("file", file, file.name);
  body.set("name", file.name.replace(/\.[^.]+$/, ""));
  const made = await attempt(() => post("/v1/datasets", { body }));
  event.target.value = "";
  if (made) await listDatasets(made.id);
});

const linked = () => new URLSearchParams(location.hash.slice(1)).get("job");
addEventListener("hashchange", () => linked() && watch(linked()));
works.whenKnown(estimate);
words();
try {
  await Promise.all([hangStyles(), listDatasets()]);
} catch (error) {
  complain(error.message);
}
const going = await works.refresh();
if (linked()) watch(linked());
// Nothing lost by coming back: the lesson that still goes on is the one to look at.
else if (going) watch(going.id);
