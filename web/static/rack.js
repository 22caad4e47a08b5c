// The drying rack: recent pictures, a click away.
import { jobs } from "./api.js";
import { styleOf } from "./gallery.js";
import { persist } from "./lifeline.js";

const rack = document.getElementById("rack");
const WORDS = { queued: "Waiting", running: "Painting", failed: "Failed", canceled: "Stopped" };

function item(job) {
  const entry = document.createElement("li");
  const link = document.createElement("a");
  link.href = `#job=${encodeURIComponent(job.id)}`;
  link.dataset.status = job.status;
  const title = styleOf(job)?.title ?? "Own style";
  const when = new Date(job.created_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const output = job.outputs?.find((each) => each.media_type.startsWith("image/"));
  link.title = `${title}, ${when}`;
  if (output) {
    const image = document.createElement("img");
    Object.assign(image, {
      src: output.urls?.thumbnail ?? output.url,
      alt: `${title}, ${when}`, loading: "lazy", decoding: "async",
    });
    link.append(image);
  } else {
    const word = document.createElement("span");
    word.textContent = WORDS[job.status] ?? job.status;
    link.append(word);
    link.setAttribute("aria-label", `${word.textContent}: ${title}, ${when}`);
  }
  entry.append(link);
  return entry;
}

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

/** Asks for the recent pictures and shows them; only the newest answer counts. */
export async function refresh() {
  const mine = (asked += 1);
  const recent = await persist(jobs).catch(() => null);
  if (mine !== asked || !recent) return;
  const focused = rack.contains(document.activeElement) ? document.activeElement.hash : null;
  const entries = new Map(recent.map((job) => [`${job.id} ${job.status}`, job]));
  for (const [key, job] of entries) entries.set(key, hung.get(key) ?? item(job));
  hung = entries;
  rack.replaceChildren(...entries.values());
  if (focused) [...rack.querySelectorAll("a")].find((link) => link.hash === focused)?.focus();
  mark(current);
  document.getElementById("rack-empty").hidden = recent.length > 0;
  // The job on the easel is followed; the others are looked after here.
  const waiting = recent.some((job) => job.id !== current && ["queued", "running"].includes(job.status));
  if (waiting) setTimeout(() => mine === asked && refresh(), 5000);
}
