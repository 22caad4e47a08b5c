// Player of two videos in step: the painted video leads, with the sound; the original follows, muted.
import { byId } from "../shared/dom.js";

const [before, after] = [byId("before"), byId("after")];
const [seek, play] = [byId("seek"), byId("play")];
// A follower that is further off than this many seconds is moved; nearer, its speed is changed a little.
const MAX_DRIFT = 0.2;
let leader = after;
let follower = null;
let offset = 0;
let frameSeconds = 1 / 25;
let playing = false;
let animation = 0;

/** Loads a video; answers whether this browser can show it. */
function load(video, url) {
  const loaded = video.currentSrc === new URL(url, location).href && video.readyState > 0 && !video.error;
  if (loaded) return Promise.resolve(true);
  return new Promise((resolve) => {
    const settle = (shown) => () => {
      video.removeEventListener("loadeddata", onLoaded);
      video.removeEventListener("error", onError);
      resolve(shown);
    };
    const [onLoaded, onError] = [settle(true), settle(false)];
    video.addEventListener("loadeddata", onLoaded);
    video.addEventListener("error", onError);
    video.src = url;
  });
}

/**
 * Opens `original`, `painting` or both (addresses). The painting begins `start` seconds into the original;
 * `rate` is in frames per second. Answers `[original shown, painting shown]`.
 */
export async function openVideos({ original = null, painting = null, start = 0, rate = 25 }) {
  pause();
  const shown = await Promise.all([
    original !== null && load(before, original),
    painting !== null && load(after, painting),
  ]);
  if (!shown[1]) after.removeAttribute("src");
  [leader, follower] = shown[1] ? [after, shown[0] ? before : null] : [before, null];
  offset = shown[1] ? start : 0;
  frameSeconds = 1 / rate;
  before.muted = Boolean(shown[1]) || isMuted();
  after.muted = isMuted();
  byId("player").hidden = !shown.includes(true);
  applySpeed();
  seekTo(0);
  return shown;
}

/** Width and height of the leading video in pixels. */
export const videoSize = () => [leader.videoWidth, leader.videoHeight];
const duration = () => (Number.isFinite(leader.duration) ? leader.duration : 0);

/** Shows the original's frame at a share of the time from `start` to `end`, while the video is being painted. */
export function showFrameAt(share, start, end) {
  if (follower || leader !== before || playing) return;
  const last = end ?? duration();
  leader.currentTime = Math.min(start + share * (last - start), Math.max(0, duration() - frameSeconds / 2));
}

const speed = () => Number(byId("speed").value);
const isMuted = () => byId("mute").getAttribute("aria-pressed") === "true";
const isLooped = () => byId("loop").getAttribute("aria-pressed") === "true";
const clampTime = (time) => Math.min(Math.max(0, time), Math.max(0, duration() - frameSeconds / 2));

function applySpeed() {
  leader.playbackRate = speed();
  if (follower) follower.playbackRate = speed();
}

/** Seeks both videos to a time of the painting, in seconds. */
export function seekTo(time) {
  leader.currentTime = clampTime(time);
  if (follower) follower.currentTime = clampTime(time) + offset;
  showTime(clampTime(time));
}

/** Steps by whole frames, to the middle of a frame, where rounding can't reach its neighbour. */
function stepFrames(frames) {
  pause();
  seekTo((Math.floor(leader.currentTime / frameSeconds + 1e-3) + frames + 0.5) * frameSeconds);
}

async function start() {
  playing = true;
  if (leader.ended || leader.currentTime >= duration() - frameSeconds / 2) seekTo(0);
  applySpeed();
  // The button changes at once: a video that takes a moment to begin can already be paused.
  showPlaying();
  animate();
  try {
    await Promise.all([leader.play(), follower?.play()]);
  } catch {
    // Paused again, removed, or not allowed to play.
    if (leader.paused) playing = false;
    showPlaying();
  }
}

export function pause() {
  playing = false;
  leader.pause();
  if (follower) {
    follower.pause();
    follower.currentTime = leader.currentTime + offset;
  }
  // The follower's speed may have been changed, to catch up.
  applySpeed();
  showPlaying();
}

function showPlaying() {
  play.classList.toggle("playing", playing);
  play.setAttribute("aria-label", playing ? "Pause" : "Play");
}

/** Keeps the follower in step on every animation frame, while the videos play. */
function animate() {
  cancelAnimationFrame(animation);
  animation = requestAnimationFrame(() => {
    if (!playing) return;
    showTime(leader.currentTime);
    if (follower && !follower.seeking && !leader.seeking) {
      const drift = leader.currentTime + offset - follower.currentTime;
      if (Math.abs(drift) > MAX_DRIFT) follower.currentTime = leader.currentTime + offset;
      else follower.playbackRate = speed() * (1 + Math.max(-0.1, Math.min(0.1, drift)));
      if (follower.paused && !follower.ended) follower.play().catch(() => {});
    }
    animate();
  });
}

const clock = (time) => `${Math.floor(time / 60)}:${(time % 60).toFixed(1).padStart(4, "0")}`;

function showTime(time) {
  seek.max = duration();
  seek.step = frameSeconds / 4;
  if (document.activeElement !== seek || playing) seek.value = time;
  seek.style.setProperty("--filled", `${(100 * seek.value) / (seek.max || 1)}%`);
  seek.setAttribute("aria-valuetext", `${time.toFixed(1)} of ${duration().toFixed(1)} seconds`);
  byId("clock").textContent = `${clock(time)} / ${clock(duration())}`;
}

function togglePressed(id) {
  byId(id).setAttribute("aria-pressed", String(byId(id).getAttribute("aria-pressed") !== "true"));
}

const toggleLoop = () => togglePressed("loop");
function toggleMute() {
  togglePressed("mute");
  leader.muted = isMuted();
}

const togglePlay = () => (playing ? pause() : start());
for (const video of [before, after]) {
  video.addEventListener("ended", () => {
    if (video !== leader || !playing) return;
    if (!isLooped()) return pause();
    seekTo(0);
    start();
  });
  video.addEventListener("seeked", () => video === leader && showTime(leader.currentTime));
}
play.addEventListener("click", togglePlay);
byId("back").addEventListener("click", () => stepFrames(-1));
byId("forward").addEventListener("click", () => stepFrames(1));
byId("loop").addEventListener("click", toggleLoop);
byId("mute").addEventListener("click", toggleMute);
byId("speed").addEventListener("change", applySpeed);
seek.addEventListener("input", () => seekTo(Number(seek.value)));

// Letters work only with the focus in the viewer, so that they disturb no typing.
const KEYS = {
  " ": togglePlay,
  k: togglePlay,
  ",": () => stepFrames(-1),
  ".": () => stepFrames(1),
  l: toggleLoop,
  m: toggleMute,
};
byId("viewer").addEventListener("keydown", (event) => {
  const hasOwnAction = event.key === " " && event.target.matches("button, summary, a, select");
  const act = KEYS[event.key.toLowerCase()];
  if (!act || hasOwnAction || byId("player").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});
