// What came of earlier lessons: networks to paint with, to keep as a file, to take down; and the lessons themselves.
import * as api from "../shared/api.js";
import { offer } from "./export.js";
import { isFinal } from "../shared/follow-job.js";
import { persist } from "../shared/retry.js";

const at = (id) => document.getElementById(id);
const WORDS = { queued: "waiting", running: "learning", succeeded: "done", failed: "failed", canceled: "given up" };
let lessons = [];
let current = null;
let known = () => {};

export const whenKnown = (act) => (known = act);

/** Pictures of 256 pixels a second in the newest lesson that ended here, or null. */
export function pace() {
  const last = lessons.find((job) => job.status === "succeeded" && job.started_at);
  if (!last) return null;
  const { max_steps: steps, batch_size: batch = 4, image_size: size = 256 } = last.params;
  const seconds = (new Date(last.finished_at) - new Date(last.started_at)) / 1000;
  const done = last.metrics?.steps ?? steps;
  return seconds > 0 ? (done * batch * (size / 256) ** 2) / seconds : null;
}

export function mark(id) {
  current = id;
  for (const link of at("lessons").querySelectorAll("a")) link.toggleAttribute("aria-current", link.hash === `#job=${id}`);
}

function work(network) {
  const item = document.createElement("li");
  const picture = Object.assign(document.createElement("img"), { src: network.urls.sample ?? network.urls.style ?? "/static/icon.svg", alt: "", loading: "lazy" });
  const words = document.createElement("div");
  const name = Object.assign(document.createElement("strong"), { textContent: network.name });
  const detail = Object.assign(document.createElement("span"), { className: "fine", textContent: `version ${network.version} · ${(network.bytes / 1e6).toFixed(1)} MB` });
  words.append(name, detail);
  const use = Object.assign(document.createElement("a"), { className: "button", href: `/#network=${encodeURIComponent(network.name)}`, textContent: "Paint with it" });
  const file = Object.assign(document.createElement("a"), { className: "button quiet", href: `${network.urls.file}?download=1`, textContent: "File" });
  file.setAttribute("aria-label", `File of ${network.name}, version ${network.version}`);
  use.setAttribute("aria-label", `Paint with ${network.name}, version ${network.version}`);
  const gone = Object.assign(document.createElement("button"), { type: "button", className: "button quiet", textContent: "Remove" });
  gone.setAttribute("aria-label", `Remove ${network.name}, version ${network.version}`);
  gone.addEventListener("click", async () => {
    gone.disabled = true;
    await api.ask(network.urls.self, { method: "DELETE" }, () => null).catch((error) => { gone.title = error.message; });
    refresh();
  });
  const size = detail.textContent;
  const others = offer(network, (news) => (detail.textContent = news || size));
  item.append(picture, words, use, file, others, gone);
  return item;
}

function lesson(job) {
  const item = document.createElement("li");
  const link = Object.assign(document.createElement("a"), { href: `#job=${encodeURIComponent(job.id)}` });
  const when = new Date(job.created_at).toLocaleString([], { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const status = job.paused && !isFinal(job) ? "paused" : WORDS[job.status];
  link.append(Object.assign(document.createElement("strong"), { textContent: job.params.name }), ` ${status}, ${when}`);
  item.append(link);
  return item;
}

/** Shows networks and lessons; answers with the lesson that still goes on, if there is one. */
export async function refresh() {
  const [networks, { jobs }] = await Promise.all([
    persist(api.networks), persist(() => api.ask("/v1/jobs?kind=train&limit=20")),
  ]);
  lessons = jobs;
  at("works").replaceChildren(...networks.map(work));
  at("no-works").hidden = networks.length > 0;
  at("lessons").replaceChildren(...jobs.map(lesson));
  at("no-lessons").hidden = jobs.length > 0;
  mark(current);
  known();
  return jobs.find((job) => !isFinal(job));
}
