// Trained networks, to paint with, download, export or remove; and the list of trainings.
import * as api from "../shared/api.js";
import { byId, create } from "../shared/dom.js";
import { isFinal } from "../shared/follow-job.js";
import { withRetry } from "../shared/reconnect.js";
import { createExportList } from "./export.js";

const STATUS_WORDS = {
  queued: "queued",
  running: "running",
  succeeded: "done",
  failed: "failed",
  canceled: "cancelled",
};
let trainings = [];
let currentId = null;
let onRefresh = () => {};

export const handleRefresh = (act) => (onRefresh = act);

/** Throughput of the newest finished training of a recipe, in pictures of 256 × 256 per second; null without one. */
export function throughput(recipe) {
  const last = trainings.find((job) => job.status === "succeeded" && job.started_at && job.params.recipe === recipe);
  if (!last) return null;
  const { max_steps: maxSteps, batch_size: batchSize, image_size: imageSize } = last.params;
  const seconds = (new Date(last.finished_at) - new Date(last.started_at)) / 1000;
  const steps = last.metrics?.steps ?? maxSteps;
  return seconds > 0 ? (steps * batchSize * (imageSize / 256) ** 2) / seconds : null;
}

/** Marks the training that is open. */
export function markCurrent(id) {
  currentId = id;
  for (const link of byId("trainings").querySelectorAll("a")) {
    link.toggleAttribute("aria-current", link.hash === `#job=${id}`);
  }
}

function networkItem(network) {
  const { name, version, urls } = network;
  const fullName = `${name}, version ${version}`;
  const src = urls.sample ?? urls.style ?? "/static/shared/icon.svg";
  const size = `version ${version} · ${(network.bytes / 1e6).toFixed(1)} MB`;
  const detail = create("span", { className: "muted", textContent: size });
  const use = create("a", {
    className: "button",
    href: `/#network=${encodeURIComponent(name)}`,
    textContent: "Paint with it",
  });
  use.setAttribute("aria-label", `Paint with ${fullName}`);
  const file = create("a", { className: "button quiet", href: `${urls.file}?download=1`, textContent: "File" });
  file.setAttribute("aria-label", `File of ${fullName}`);
  const remove = create("button", { type: "button", className: "button quiet", textContent: "Remove" });
  remove.setAttribute("aria-label", `Remove ${fullName}`);
  remove.addEventListener("click", async () => {
    remove.disabled = true;
    const deleted = api.request(urls.self, { method: "DELETE" }, () => null);
    await deleted.catch((error) => (remove.title = error.message));
    refresh();
  });
  const exports = createExportList(network, (words) => (detail.textContent = words || size));
  const text = create("div", {}, create("strong", { textContent: name }), detail);
  return create("li", {}, create("img", { src, alt: "", loading: "lazy" }), text, use, file, exports, remove);
}

function trainingItem(job) {
  const time = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  const created = new Date(job.created_at).toLocaleString([], time);
  const status = job.paused && !isFinal(job) ? "paused" : STATUS_WORDS[job.status];
  const name = create("strong", { textContent: job.params.name });
  return create("li", {}, create("a", { href: `#job=${encodeURIComponent(job.id)}` }, name, ` ${status}, ${created}`));
}

/** Shows networks and trainings; answers with the training that runs, or else with one that waits, if there is one. */
export async function refresh() {
  const [networks, { jobs }] = await Promise.all([
    withRetry(api.listNetworks),
    withRetry(() => api.request("/v1/jobs?kind=train&limit=20")),
  ]);
  trainings = jobs;
  byId("networks").replaceChildren(...networks.map(networkItem));
  byId("no-networks").hidden = networks.length > 0;
  byId("trainings").replaceChildren(...jobs.map(trainingItem));
  byId("no-trainings").hidden = jobs.length > 0;
  markCurrent(currentId);
  onRefresh();
  return jobs.find((job) => job.status === "running") ?? jobs.find((job) => !isFinal(job));
}
