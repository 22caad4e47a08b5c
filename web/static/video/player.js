// Two videos in step: the painting leads, with the sound; the original follows, mute.

const at = (id) => document.getElementById(id);
const [before, after] = [at("before"), at("after")];
const [seek, play] = [at("seek"), at("play")];
// A follower that is further off than this is put in its place; nearer, it hurries or dawdles.
const FAR = 0.2;
let lead = after;
let follower = null;
let offset = 0;
let frame = 1 / 25;
let wanted = false;
let ticking = 0;

/** Loads a video; answers whether this browser can show it. */
function load(video, url) {
  if (video.currentSrc === new URL(url, location).href && video.readyState > 0 && !video.error) return Promise.resolve(true);
  return new Promise((done) => {
    const end = (shown) => () => {
      video.removeEventListener("loadeddata", good);
      video.removeEventListener("error", bad);
      done(shown);
    };
    const [good, bad] = [end(true), end(false)];
    video.addEventListener("loadeddata", good);
    video.addEventListener("error", bad);
    video.src = url;
  });
}

/**
 * Puts up `original`, `painting` or both (addresses). The painting's beginning is `start` seconds into the
 * original; `rate` is in frames a second. Answers `[original shown, painting shown]`.
 */
export async function open({ original = null, painting = null, start = 0, rate = 25 }) {
  pause();
  const shown = await Promise.all([original !== null && load(before, original), painting !== null && load(after, painting)]);
  if (!shown[1]) after.removeAttribute("src");
  [lead, follower] = shown[1] ? [after, shown[0] ? before : null] : [before, null];
  offset = shown[1] ? start : 0;
  frame = 1 / rate;
  before.muted = Boolean(shown[1]) || muted();
  after.muted = muted();
  at("player").hidden = !shown.includes(true);
  pace();
  go(0);
  return shown;
}

export const size = () => [lead.videoWidth, lead.videoHeight];
export const length = () => (Number.isFinite(lead.duration) ? lead.duration : 0);

/** Shows the original's frame at a share of the stretch from `start` to `end`, while it is being painted. */
export function glance(share, start, end) {
  if (follower || lead !== before || wanted) return;
  const last = end ?? length();
  lead.currentTime = Math.min(start + share * (last - start), Math.max(0, length() - frame / 2));
}

const speed = () => Number(at("speed").value);
const muted = () => at("mute").getAttribute("aria-pressed") === "true";
const looped = () => at("loop").getAttribute("aria-pressed") === "true";
const within = (time) => Math.min(Math.max(0, time), Math.max(0, length() - frame / 2));

function pace() {
  lead.playbackRate = speed();
  if (follower) follower.playbackRate = speed();
}

/** Both to a time of the painting, in seconds. */
export function go(time) {
  lead.currentTime = within(time);
  if (follower) follower.currentTime = within(time) + offset;
  show(within(time));
}

/** By whole frames, to their middles, where no rounding can fall into a neighbour. */
function step(frames) {
  pause();
  go((Math.floor(lead.currentTime / frame + 1e-3) + frames + 0.5) * frame);
}

async function start() {
  wanted = true;
  if (lead.ended || lead.currentTime >= length() - frame / 2) go(0);
  pace();
  // The button answers at once: a film that takes a moment to begin is already one to be paused.
  state();
  tick();
  try {
    await Promise.all([lead.play(), follower?.play()]);
  } catch {
    // Paused again, taken down, or not allowed to begin.
    if (lead.paused) wanted = false;
    state();
  }
}

export function pause() {
  wanted = false;
  lead.pause();
  if (follower) {
    follower.pause();
    follower.currentTime = lead.currentTime + offset;
  }
  // The follower may have been running a little faster or slower, to catch up.
  pace();
  state();
}

function state() {
  play.classList.toggle("playing", wanted);
  play.setAttribute("aria-label", wanted ? "Pause" : "Play");
}

/** Keeps step for as long as they run. */
function tick() {
  cancelAnimationFrame(ticking);
  ticking = requestAnimationFrame(() => {
    if (!wanted) return;
    show(lead.currentTime);
    if (follower && !follower.seeking && !lead.seeking) {
      const gap = lead.currentTime + offset - follower.currentTime;
      if (Math.abs(gap) > FAR) follower.currentTime = lead.currentTime + offset;
      else follower.playbackRate = speed() * (1 + Math.max(-0.1, Math.min(0.1, gap)));
      if (follower.paused && !follower.ended) follower.play().catch(() => {});
    }
    tick();
  });
}

const clock = (time) => `${Math.floor(time / 60)}:${(time % 60).toFixed(1).padStart(4, "0")}`;

function show(time) {
  seek.max = length();
  seek.step = frame / 4;
  if (document.activeElement !== seek || wanted) seek.value = time;
  seek.style.setProperty("--filled", `${(100 * seek.value) / (seek.max || 1)}%`);
  seek.setAttribute("aria-valuetext", `${time.toFixed(1)} of ${length().toFixed(1)} seconds`);
  at("clock").textContent = `${clock(time)} / ${clock(length())}`;
}

function press(id) {
  at(id).setAttribute("aria-pressed", String(at(id).getAttribute("aria-pressed") !== "true"));
}

function hush() {
  press("mute");
  lead.muted = muted();
}

const toggle = () => (wanted ? pause() : start());
for (const video of [before, after]) {
  video.addEventListener("ended", () => {
    if (video !== lead || !wanted) return;
    if (!looped()) return pause();
    go(0);
    start();
  });
  video.addEventListener("seeked", () => video === lead && show(lead.currentTime));
}
play.addEventListener("click", toggle);
at("back").addEventListener("click", () => step(-1));
at("forward").addEventListener("click", () => step(1));
at("loop").addEventListener("click", () => press("loop"));
at("mute").addEventListener("click", hush);
at("speed").addEventListener("change", pace);
seek.addEventListener("input", () => go(Number(seek.value)));

// Letters only work with the focus on the easel, so that they disturb nobody's typing.
const KEYS = { " ": toggle, k: toggle, ",": () => step(-1), ".": () => step(1), l: () => press("loop"), m: hush };
at("easel").addEventListener("keydown", (event) => {
  const own = event.key === " " && event.target.matches("button, summary, a, select");
  const act = KEYS[event.key.toLowerCase()];
  if (!act || own || at("player").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});
