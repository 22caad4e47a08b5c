// Job status: the caption below the picture, its progress bar, and the buttons that fit the status.
import { byId } from "./dom.js";
import { duration } from "./duration.js";
import { showProgress } from "./progress-bar.js";
import { pictureTitle } from "./style-gallery.js";

const announce = byId("announce");
const BUTTONS = ["cancel", "other-content", "start-over", "retry", "menu", "download"];
const buttons = Object.fromEntries(BUTTONS.map((id) => [id, byId(id)]).filter(([, button]) => button));

// Names of the worker's stages → words.
const STAGES = { decode: "Opening the photo", style: "Reading the style", render: "Painting", encode: "Saving" };

function queued({ queue, attempt }) {
  const ahead = queue?.position ?? 0;
  const position = ahead > 0 ? `${ahead} ${ahead === 1 ? "job" : "jobs"} ahead` : "Next in line";
  const eta = queue?.eta_s > 0 ? `, about ${duration(queue.eta_s)} to go` : "";
  const again = attempt > 0 ? " The last attempt was interrupted; it is tried again." : "";
  return { title: "Queued", detail: `${position}${eta}.${again}`, done: "indeterminate" };
}

function running({ progress, attempt, max_attempts: maxAttempts }) {
  const stage = progress?.stage;
  const again = attempt > 1 ? `Attempt ${attempt}${maxAttempts ? ` of ${maxAttempts}` : ""}. ` : "";
  if (!stage) return { title: "Starting", detail: again || "A worker has picked it up.", done: "indeterminate" };
  const title = STAGES[stage] ?? stage[0].toUpperCase() + stage.slice(1).replaceAll("_", " ");
  const { step = 0, total = 0 } = progress;
  // `step` counts the steps that are done; people count the one that is being done.
  const counted = total > 0 ? `Step ${Math.min(step + 1, total)} of ${total}` : "";
  const left = progress.eta_s > 0 ? `, about ${duration(progress.eta_s)} to go` : "";
  return { title, detail: again + counted + left, done: total > 0 ? (100 * step) / total : "indeterminate" };
}

function succeeded(job) {
  const { outputs, started_at: start, finished_at: end } = job;
  const [output] = outputs ?? [];
  const seconds = (new Date(end) - new Date(start)) / 1000;
  const length = seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds);
  // A job that an earlier result answered was never started.
  const took = !start ? " · painted before" : seconds > 0 ? ` · painted in ${length}` : "";
  const size = output ? `${output.width} × ${output.height} px` : "";
  return { title: "Finished", detail: `${pictureTitle(job)} · ${size}${took}`, done: 100 };
}

const VIEWS = {
  queued,
  running,
  succeeded,
  failed: ({ error }) => ({
    title: "Failed",
    detail: `${error?.detail ?? "The worker gave no reason."}${error?.retryable ? " Stylise tries it again." : ""}`,
    tone: "error",
  }),
  canceled: () => ({ title: "Cancelled", detail: "Nothing was saved." }),
};

/**
 * Writes the caption. `done` is a percentage, "indeterminate" while none is known, or null while nothing runs;
 * `show` names the buttons.
 */
export function showStatus({ title, detail = "", done = null, tone = "" }, show = []) {
  byId("status").textContent = title;
  byId("detail").textContent = detail;
  // A screen reader hears stages, not every step.
  if (announce.dataset.title !== title) announce.textContent = `${title}. ${detail}`;
  announce.dataset.title = title;
  showProgress(done, tone);
  for (const [name, element] of Object.entries(buttons)) element.hidden = !show.includes(name);
}

/** Writes the caption for a job as the server answered it. */
export function showJob(job) {
  const active = job.status === "queued" || job.status === "running";
  if (active && job.cancel_requested) {
    return showStatus({ title: "Cancelling", detail: "The worker stops soon.", done: "indeterminate" });
  }
  const view = VIEWS[job.status]?.(job) ?? { title: job.status };
  const ended = { succeeded: ["download"], failed: ["retry"], canceled: ["retry"] }[job.status] ?? [];
  showStatus(view, active ? ["cancel", "other-content"] : ["other-content", "start-over", "menu", ...ended]);
  if (byId("compare-with")) byId("compare-with").hidden = job.status !== "succeeded";
  // In the title too, for people who wait in another tab.
  document.title = `${view.title} · Atelier`;
}

export const onCancel = (act) => buttons.cancel.addEventListener("click", act);
