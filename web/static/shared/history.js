// The drying rack: every picture so far, a click away; to cancel, to delete, to compare with another.
import * as api from "./api.js";
import { titleOf } from "./style-gallery.js";
import { persist } from "./retry.js";

const rack = document.getElementById("rack");
const older = document.getElementById("older");
const picking = document.getElementById("picking");
const WORDS = { queued: "Waiting", running: "Painting", failed: "Failed", canceled: "Stopped" };
const CROSS = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 6l12 12M18 6 6 18"/></svg>';

const active = (job) => ["queued", "running"].includes(job.status);
const when = (job) => {
  const at = new Date(job.created_at);
  const today = at.toDateString() === new Date().toDateString();
  return at.toLocaleString([], { ...(today ? {} : { day: "numeric", month: "short" }), hour: "2-digit", minute: "2-digit" });
};

/** What to call a picture in one breath. */
export const nameOf = (job) => `${titleOf(job)}, ${Math.round((job.params?.alpha ?? 1) * 100)}%`;

function face(job, said) {
  const small = job.outputs?.find((each) => each.thumbnail)?.thumbnail;
  if (small) {
    const image = document.createElement("img");
    Object.assign(image, { src: small, alt: said, loading: "lazy", decoding: "async" });
    return image;
  }
  const word = document.createElement("span");
  word.textContent = WORDS[job.status] ?? job.status;
  return word;
}

function corner(job, said) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "corner";
  button.innerHTML = CROSS;
  button.title = active(job) ? "Cancel" : "Delete";
  button.setAttribute("aria-label", `${button.title}: ${said}`);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await persist(() => (active(job) ? api.cancel(job.id) : api.remove(job.id)));
    } catch (error) {
      if (!(error instanceof api.Refusal)) throw error;
    }
    const gone = !active(job);
    await refresh();
    rack.dispatchEvent(new CustomEvent(gone ? "gone" : "stopped", { detail: job.id }));
  });
  return button;
}

function item(job) {
  const entry = document.createElement("li");
  const link = document.createElement("a");
  const said = `${nameOf(job)}, ${when(job)}`;
  link.href = `#job=${encodeURIComponent(job.id)}`;
  link.dataset.status = job.status;
  link.title = said;
  const shown = face(job, said);
  link.append(shown);
  if (shown.localName === "span") {
    link.setAttribute("aria-label", `${shown.textContent}: ${said}`);
    const { step = 0, total = 0 } = job.progress ?? {};
    if (active(job)) {
      const bar = document.createElement("progress");
      bar.max = total || 1;
      if (total) bar.value = step;
      bar.setAttribute("aria-label", `Progress of ${said}`);
      link.append(bar);
    }
  }
  link.addEventListener("click", (event) => {
    if (!picked) return;
    event.preventDefault();
    const act = picked;
    pick(null);
    act(job);
  });
  entry.append(link, corner(job, said));
  return entry;
}

// -- comparing any two ---------------------------------------------------------------------------

let picked = null;

/** The next picture that is clicked goes to `act` instead of on the easel. */
export function pick(act) {
  picked = act;
  picking.hidden = !act;
  rack.classList.toggle("picking", Boolean(act));
  if (act) rack.querySelector("a:not([aria-current])")?.focus();
}
document.getElementById("unpick").addEventListener("click", () => pick(null));
addEventListener("keydown", (event) => event.key === "Escape" && picked && pick(null));

let current = null;

/** Marks the picture that is on the easel, now and in later answers. */
export function mark(id) {
  current = id;
  for (const link of rack.querySelectorAll("a")) {
    if (link.hash === `#job=${id}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

let asked = 0;
let hung = new Map();
let last = [];
let pages = 1;

/** Pages of jobs, without the previews that a closed page left behind. */
async function recent() {
  const found = [];
  let cursor = null;
  for (let page = 0; page < pages || (found.length < 12 && page < pages + 3); page += 1) {
    const answer = await persist(() => api.jobs(rack.dataset.kind, cursor));
    found.push(...answer.jobs.filter((job) => job.priority !== api.PREVIEW_PRIORITY));
    cursor = answer.next;
    if (!cursor) break;
  }
  return { found, more: Boolean(cursor) };
}

/** Asks for the recent pictures and shows them; only the newest answer counts. */
export async function refresh() {
  const mine = (asked += 1);
  const answer = await recent().catch(() => null);
  if (mine !== asked || !answer) return;
  const { found, more } = answer;
  last = found;
  const focused = rack.contains(document.activeElement) ? document.activeElement.hash : null;
  const key = (job) => `${job.id} ${job.status} ${active(job) ? job.progress?.step : ""}`;
  hung = new Map(found.map((job) => [key(job), hung.get(key(job)) ?? item(job)]));
  rack.replaceChildren(...hung.values());
  if (focused) [...rack.querySelectorAll("a")].find((link) => link.hash === focused)?.focus();
  mark(current);
  older.hidden = !more;
  document.getElementById("rack-empty").hidden = found.length > 0;
  // The job on the easel is followed; the others are looked after here.
  const waiting = found.some((job) => job.id !== current && active(job));
  if (waiting) setTimeout(() => mine === asked && refresh(), 2500);
}

/** How many pictures could be compared with the one on the easel. */
export const others = () => last.filter((job) => job.id !== current && job.status === "succeeded").length;

older.addEventListener("click", () => {
  pages += 1;
  refresh();
});
