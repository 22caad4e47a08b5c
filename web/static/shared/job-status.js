// The ledge under the picture: it fills as the work goes on, and the caption below says what happens.

const at = (id) => document.getElementById(id);
const ledge = at("ledge");
const announce = at("announce");
const actions = Object.fromEntries(["cancel", "change", "again", "menu", "download"].map((id) => [id, at(id)]));

// The worker's names of its stages are for programs.
const STAGES = {
  decode: "Unwrapping it", style: "Studying the style", render: "Painting", encode: "Letting it dry",
};

const about = (seconds) => (seconds < 1.5 ? "a second" : seconds < 90 ? `${Math.round(seconds)} seconds`
  : `${Math.round(seconds / 60)} minutes`);

function queued({ queue, attempt }) {
  const ahead = queue?.position ?? 0;
  const place = ahead > 0 ? `${ahead} ${ahead === 1 ? "picture" : "pictures"} ahead` : "Next in line";
  const wait = queue?.eta_s > 0 ? `, about ${about(queue.eta_s)} to go` : "";
  const again = attempt > 0 ? " The last try was interrupted; it is tried again." : "";
  return { title: "Waiting for a free easel", detail: `${place}${wait}.${again}`, done: "unknown" };
}

function running({ progress, attempt, max_attempts: most }) {
  const stage = progress?.stage;
  const again = attempt > 1 ? `Try ${attempt}${most ? ` of ${most}` : ""}. ` : "";
  if (!stage) return { title: "Starting", detail: again || "A worker has picked it up.", done: "unknown" };
  const title = STAGES[stage] ?? stage[0].toUpperCase() + stage.slice(1).replaceAll("_", " ");
  const { step = 0, total = 0 } = progress;
  // `step` counts what is done; people count what is being done.
  const counted = total > 0 ? `Step ${Math.min(step + 1, total)} of ${total}` : "";
  const left = progress.eta_s > 0 ? `, about ${about(progress.eta_s)} to go` : "";
  return { title, detail: again + counted + left, done: total > 0 ? (100 * step) / total : "unknown" };
}

function succeeded({ outputs, started_at: start, finished_at: end }) {
  const [output] = outputs ?? [];
  const seconds = (new Date(end) - new Date(start)) / 1000;
  // What was asked for before is answered with the picture of then, and never started.
  const took = !start ? " · painted before" : seconds > 0 ? ` · painted in ${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s` : "";
  const size = output ? `${output.width} × ${output.height} px` : "";
  return { title: "Finished", detail: size + took, done: 100 };
}

const VIEWS = {
  queued, running, succeeded,
  failed: ({ error }) => ({
    title: "This one did not work out",
    detail: `${error?.detail ?? "The worker gave no reason."}${error?.retryable ? " Stylise tries it again." : ""}`,
    tone: "bad",
  }),
  canceled: () => ({ title: "Stopped", detail: "Nothing was kept of it. Change what you like and go again." }),
};

/** Writes the caption. `done` is a percentage, "unknown" while it cannot be told, or null at rest. */
export function say({ title, detail = "", done = null, tone = "" }, show = []) {
  at("status").textContent = title;
  at("detail").textContent = detail;
  // A screen reader hears stages, not every step.
  if (announce.dataset.title !== title) announce.textContent = `${title}. ${detail}`;
  announce.dataset.title = title;
  ledge.dataset.done = done === null ? "rest" : done === "unknown" ? "unknown" : done >= 100 ? "all" : "some";
  ledge.dataset.tone = tone;
  ledge.setAttribute("aria-hidden", done === null);
  ledge.style.setProperty("--done", typeof done === "number" ? `${done}%` : "0%");
  if (typeof done === "number") ledge.setAttribute("aria-valuenow", Math.round(done));
  else ledge.removeAttribute("aria-valuenow");
  for (const [name, element] of Object.entries(actions)) element.hidden = !show.includes(name);
}

/** The caption of a job as the server told it. */
export function tell(job) {
  const active = job.status === "queued" || job.status === "running";
  if (active && job.cancel_requested) {
    return say({ title: "Stopping", detail: "The worker puts down the brush.", done: "unknown" });
  }
  const view = VIEWS[job.status]?.(job) ?? { title: job.status };
  const ended = { succeeded: ["download"], failed: ["again"], canceled: ["again"] }[job.status] ?? [];
  say(view, active ? ["cancel", "change"] : ["change", "menu", ...ended]);
  if (at("versus")) at("versus").hidden = job.status !== "succeeded";
  // Whoever waits may be looking at another tab.
  document.title = `${view.title} · Atelier`;
}

export const onCancel = (act) => actions.cancel.addEventListener("click", act);
