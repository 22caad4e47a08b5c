// The training page: settings of a training, the training that is open, and the networks trained before.
import * as api from "../shared/api.js";
import { byId, create } from "../shared/dom.js";
import { duration } from "../shared/duration.js";
import { showError, tryOrShowError } from "../shared/errors.js";
import { followJob, isFinal } from "../shared/follow-job.js";
import { showProgress } from "../shared/progress-bar.js";
import { showRangeValue } from "../shared/range-value.js";
import { withRetry } from "../shared/reconnect.js";
import { drawLosses } from "./loss-chart.js";
import * as networks from "./networks.js";

// `pickedStep`: the sample that was clicked, which newer samples do not replace.
const state = { job: null, losses: [], samples: new Map(), controller: new AbortController(), pickedStep: null };
const LOSS_POLL_MS = 1200;

// -- settings ----------------------------------------------------------------------------------------

/** A name as the API takes it: small letters without accents, digits and hyphens. */
const slug = (title) =>
  title
    .toLowerCase()
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 64);
let nameWasTyped = false;

function createTile(style) {
  const { title } = style;
  return create(
    "label",
    { className: "tile", title },
    create("input", { type: "radio", name: "style", value: style.id }),
    create("img", { src: style.urls.thumbnail, alt: title, decoding: "async", loading: "lazy" }),
  );
}

const selectedInput = () => document.querySelector("#grid input:checked");

function showSelection() {
  const title = selectedInput()?.parentElement.title ?? "";
  byId("style-label").replaceChildren(create("strong", { textContent: title }));
  if (!nameWasTyped) byId("name").value = title;
  showSavedName();
}

/** Shows the name that the network gets, where that differs from the one that was typed. */
function showSavedName() {
  const name = byId("name").value;
  byId("saved-name").textContent = slug(name) && slug(name) !== name ? `Saved as ${slug(name)}` : "";
}

async function loadStyles() {
  const styles = await withRetry(api.listStyles);
  byId("grid").append(...[...styles].sort((one, other) => other.own - one.own).map(createTile));
  byId("grid").removeAttribute("aria-busy");
  const first = document.querySelector("#grid input");
  if (first) first.checked = true;
  showSelection();
}

async function loadDatasets(selectedId) {
  const { items } = await withRetry(() => api.request("/v1/datasets"));
  byId("dataset").replaceChildren(...items.map(({ id, name, images }) => new Option(`${name} (${images})`, id)));
  if (selectedId) byId("dataset").value = selectedId;
}

// The service's default settings of each recipe. Not by `dataset`: that is the form's field of this id.
const defaults = JSON.parse(byId("training-form").getAttribute("data-defaults"));
const isTuning = () => byId("recipe").value === "tune";

function showValues() {
  byId("tune-settings").hidden = !isTuning();
  byId("johnson-settings").hidden = isTuning();
  for (const id of ["steps", "tune_steps"]) showRangeValue(byId(id), byId(id).value);
  const strength = 2 ** byId("strength").value;
  showRangeValue(byId("strength"), `×${Math.round(strength * 100) / 100}`);
  showEstimate();
}

/** Estimates the time from the last training of this recipe on this machine; without one, promises nothing. */
function showEstimate() {
  const rate = networks.throughput(byId("recipe").value);
  const { batch_size: batch, image_size: side } = defaults[byId("recipe").value];
  const given = (id, usual) => (!isTuning() && Number(byId(id).value)) || usual;
  const steps = Number(byId(isTuning() ? "tune_steps" : "steps").value);
  const work = steps * given("batch_size", batch) * (given("image_size", side) / 256) ** 2;
  byId("estimate").textContent =
    rate === null
      ? "No training of this kind was timed on this machine yet. The time left is measured in the first steps."
      : `About ${duration(work / rate)}, as fast as the last one here.`;
}

function buildForm() {
  const body = new FormData();
  const fields = { kind: "train", recipe: byId("recipe").value, name: slug(byId("name").value), style_id: selectedInput()?.value };
  if (isTuning()) {
    Object.assign(fields, { max_steps: byId("tune_steps").value, intensity: byId("intensity").value });
  } else {
    fields.dataset_id = byId("dataset").value;
    fields.max_steps = byId("steps").value;
    fields.strength = 2 ** byId("strength").value;
    fields.warm_start = byId("warm_start").checked;
    for (const id of ["image_size", "batch_size", "seed"]) if (byId(id).value) fields[id] = byId(id).value;
  }
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) body.set(name, value);
  return body;
}

async function startTraining() {
  if (!slug(byId("name").value)) {
    byId("name").focus();
    return showError("Give the network a name, with at least one letter or digit.");
  }
  showError("");
  const body = buildForm();
  const headers = { "Idempotency-Key": api.newIdempotencyKey() };
  byId("start").disabled = true;
  const job = await tryOrShowError(() => api.post("/v1/jobs", { body, headers }));
  byId("start").disabled = false;
  if (job) location.hash = `job=${encodeURIComponent(job.id)}`;
}

// -- the open training -------------------------------------------------------------------------------

/** Caption of a running training: its step, speed and time left. */
function progressText({ step = 0, total = 0, images_per_second: speed, eta_s: left }) {
  const parts = [
    total && `Step ${step} of ${total}`,
    speed && `${speed.toFixed(1)} pictures a second`,
    left > 0 && `about ${duration(left)} left`,
  ];
  return parts.filter(Boolean).join(" · ");
}

/** Title, detail and progress (as `showProgress` takes it) of a training. */
function statusOf(job) {
  const progress = job.progress ?? {};
  const { name } = job.params;
  if (job.cancel_requested && !isFinal(job)) return ["Cancelling", "", null];
  if (job.paused && job.status === "queued") return ["Paused", "It goes on from the same step.", null];
  const { stage, step = 0, total = 0 } = progress;
  const isTraining = !stage || stage === "train";
  return {
    queued: [
      "Waiting for a worker",
      job.queue?.position ? `${job.queue.position} ahead of it` : "Next in line",
      "indeterminate",
    ],
    running: [
      isTraining ? `Training ${name}` : `${stage[0].toUpperCase()}${stage.slice(1)}`,
      progressText(progress),
      total ? (100 * step) / total : "indeterminate",
    ],
    succeeded: [`${name} is ready`, "It is now in the studio’s gallery.", 100],
    failed: ["Failed", job.error?.detail ?? "No reason was given.", null],
    canceled: ["Cancelled", "No network was saved.", null],
  }[job.status];
}

function showJob(job) {
  const [title, detail, done] = statusOf(job);
  byId("training-title").textContent = title;
  byId("detail").textContent = detail;
  if (byId("announce").dataset.title !== title) byId("announce").textContent = title;
  byId("announce").dataset.title = title;
  showProgress(done, job.status === "failed" ? "error" : "");
  const active = !isFinal(job) && !job.cancel_requested;
  byId("pause").hidden = !active || job.paused;
  byId("resume").hidden = !active || !job.paused;
  byId("cancel").hidden = !active;
  byId("finish").hidden = !active || job.status !== "running";
  byId("use-network").hidden = job.status !== "succeeded";
  byId("use-network").href = `/#network=${encodeURIComponent(job.params.name)}`;
  document.title = `${title} · Atelier`;
}

function showSample(sample) {
  byId("sample").src = sample.url;
  byId("sample").alt = `The sample at step ${sample.step}`;
  byId("sample").hidden = false;
  byId("no-sample").hidden = true;
  for (const button of byId("filmstrip").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.step) === sample.step));
  }
}

function addSample(sample) {
  if (state.samples.has(sample.step)) return;
  state.samples.set(sample.step, sample);
  const image = create("img", { src: sample.url, alt: "", loading: "lazy" });
  const button = create("button", { type: "button" }, image, `step ${sample.step}`);
  button.dataset.step = sample.step;
  button.addEventListener("click", () => {
    state.pickedStep = sample.step;
    showSample(sample);
  });
  byId("filmstrip").append(create("li", {}, button));
  byId("filmstrip").hidden = false;
  if (state.pickedStep === null) {
    showSample(sample);
    byId("filmstrip").scrollLeft = byId("filmstrip").scrollWidth;
  }
}

let lossTimer = 0;

/** Schedules a fetch of the losses after the last known step, at most one at a time. */
function updateLosses(signal) {
  if (lossTimer) return;
  lossTimer = setTimeout(
    async () => {
      lossTimer = 0;
      if (signal.aborted) return;
      const after = state.losses.at(-1)?.step ?? -1;
      const { items } = await withRetry(() => api.request(`/v1/jobs/${state.job.id}/losses?after=${after}`));
      if (signal.aborted) return;
      // Two answers may overlap, and the chart takes every step once.
      const last = state.losses.at(-1)?.step ?? -1;
      state.losses.push(...items.filter(({ step }) => step > last));
      drawLosses(state.losses, state.job.params.max_steps);
      if (items.length >= 2000) updateLosses(signal);
    },
    state.losses.length ? LOSS_POLL_MS : 0,
  );
}

function addNotice({ message, step }) {
  const text = `Step ${step}: ${message}`;
  if ([...byId("notices").children].some((each) => each.textContent === text)) return;
  byId("notices").append(create("li", { textContent: text }));
  byId("notices").hidden = false;
}

/** Clears everything that belongs to the training that was open. */
function resetView() {
  state.controller.abort();
  state.controller = new AbortController();
  clearTimeout(lossTimer);
  lossTimer = 0;
  Object.assign(state, { losses: [], samples: new Map(), pickedStep: null });
  byId("filmstrip").replaceChildren();
  byId("notices").replaceChildren();
  byId("filmstrip").hidden = byId("notices").hidden = byId("sample").hidden = true;
  byId("no-sample").hidden = false;
  drawLosses([], 1);
}

/** Opens a training and follows it to its end. */
async function openTraining(id) {
  resetView();
  const { signal } = state.controller;
  try {
    const job = await withRetry(() => api.getJob(id, signal));
    if (signal.aborted || job.kind !== "train") return;
    state.job = job;
    networks.markCurrent(id);
    const { items } = await withRetry(() => api.request(`/v1/jobs/${id}/samples`));
    items.forEach(addSample);
    updateLosses(signal);
    let status = null;
    const onJobChange = (current) => {
      state.job = current;
      showJob(current);
      updateLosses(signal);
      if (current.status !== status) networks.refresh();
      status = current.status;
    };
    const handlers = { sample: addSample, losses: () => updateLosses(signal), notice: addNotice };
    await followJob(job, onJobChange, signal, handlers);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof api.ApiError)) throw error;
    byId("training-title").textContent = "That training is no longer here";
    byId("detail").textContent = "";
  }
}

for (const action of ["pause", "resume", "finish", "cancel"]) {
  byId(action).addEventListener("click", async () => {
    byId(action).disabled = true;
    const job = await tryOrShowError(() => api.post(`/v1/jobs/${state.job.id}/${action}`));
    byId(action).disabled = false;
    if (!job) return;
    showJob(Object.assign(state.job, job));
    if (action === "finish") byId("detail").textContent = "It ends with this step.";
  });
}

// -- event listeners ---------------------------------------------------------------------------------

byId("training-form").addEventListener("submit", (event) => {
  event.preventDefault();
  startTraining();
});
byId("grid").addEventListener("change", showSelection);
byId("name").addEventListener("input", () => {
  nameWasTyped = Boolean(byId("name").value);
  showSavedName();
});
byId("recipe").addEventListener("change", showValues);
for (const id of ["steps", "tune_steps", "strength", "image_size", "batch_size"]) byId(id).addEventListener("input", showValues);
byId("style-file").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  if (!file) return;
  const style = await tryOrShowError(() => api.addStyle(file, file.name, file.name.replace(/\.[^.]+$/, "")));
  target.value = "";
  if (!style) return;
  byId("upload-style").after(createTile(style));
  document.querySelector(`#grid input[value="${CSS.escape(style.id)}"]`).checked = true;
  showSelection();
});
byId("dataset-file").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  if (!file) return;
  const body = new FormData();
  body.set("file", file, file.name);
  body.set("name", file.name.replace(/\.[^.]+$/, ""));
  const dataset = await tryOrShowError(() => api.post("/v1/datasets", { body }));
  target.value = "";
  if (dataset) await loadDatasets(dataset.id);
});

// -- start -------------------------------------------------------------------------------------------

const linkedJob = () => new URLSearchParams(location.hash.slice(1)).get("job");
addEventListener("hashchange", () => linkedJob() && openTraining(linkedJob()));
networks.handleRefresh(showEstimate);
byId("intensity").value = "balanced";
showValues();
try {
  await Promise.all([loadStyles(), loadDatasets()]);
} catch (error) {
  showError(error.message);
}
const active = await networks.refresh();
if (linkedJob()) openTraining(linkedJob());
// Without a link, the training that is not over is opened.
else if (active) openTraining(active.id);
