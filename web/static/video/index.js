// The video page: what is to be painted, how, and the job that is followed until both videos run in step.
import * as api from "../shared/api.js";
import { welcome } from "../shared/file-drop.js";
import * as attic from "./draft-store.js";
import { attach } from "../shared/job-actions.js";
import * as gallery from "../shared/style-gallery.js";
import { follow, isFinal } from "../shared/follow-job.js";
import * as ledge from "../shared/job-status.js";
import { persist } from "../shared/retry.js";
import { gaze, name, proportion, reveal, stand } from "../shared/compare-view.js";
import { complain } from "../shared/errors.js";
import { Picture, explain } from "../shared/picture.js";
import * as player from "./player.js";
import * as rack from "../shared/history.js";
import { send } from "../shared/upload.js";
import { keep, kept } from "../shared/session-state.js";
import { fields, turn, words } from "./settings.js";

const at = (id) => document.getElementById(id);
const limits = at("studio").dataset;
const stylise = at("stylise");
const foretaste = at("foretaste");
const shown = { photo: null, job: null, changed: false, following: new AbortController() };
const title = document.title;
let pad = null;

const ready = (on) => {
  stylise.disabled = !on;
  stylise.textContent = on ? "Stylise" : "Stylising…";
};
const unlink = () => history.replaceState(null, "", location.pathname + location.search);

async function mix(given) {
  if (gallery.selection().length < 2 && !pad) return;
  pad ??= await import("../shared/style-mixer.js");
  pad.show(gallery.selection(), given);
}

function remember() {
  keep({ video: { styles: gallery.selection().map(({ value }) => value), weights: pad?.weights() ?? [], dials: fields() } });
}

async function change() {
  shown.changed = true;
  ready(true);
  words();
  await mix();
  remember();
}

async function settle(job) {
  const { styles = [] } = job.params ?? {};
  turn(job.params ?? {});
  gallery.recall(job);
  await mix(styles.length > 1 ? styles.map(({ weight }) => weight) : null);
  remember();
}

// -- what comes in ---------------------------------------------------------------------------------

function letGo() {
  shown.following.abort();
  shown.following = new AbortController();
  Object.assign(shown, { job: null, changed: false });
  at("command").hidden = true;
  rack.mark(null);
  document.title = title;
}

/** The video alone; one that this browser can't show may still be one that the server can use. */
async function showVideo(video = shown.photo) {
  foretaste.removeAttribute("src");
  const [plays] = await player.open({ original: video.url });
  if (shown.photo !== video) return;
  if (plays) proportion(...player.size());
  at("unpreviewed").textContent = plays ? "" : `This browser can’t play ${video.name}. The service may paint it all the same.`;
  stand(plays ? "photo" : "unpreviewed");
}

async function takeVideo(file) {
  complain("");
  const moving = /^video\/|^image\/gif$/.test(file.type) || /\.(mkv|ts|avi|mov)$/i.test(file.name);
  if (!moving) return complain(`${file.name || "That"} is no video. Pictures are painted in the studio.`);
  const most = Number(limits.maxVideoMb);
  if (file.size > most * 1e6) return complain(`${file.name} is too large: ${(file.size / 1e6).toFixed(0)} MB, where ${most} MB is the most.`);
  letGo();
  unlink();
  shown.photo?.forget();
  shown.photo = Picture.ofFile(file);
  attic.put(file);
  ready(true);
  ledge.say({ title: shown.photo.name, detail: "Choose a style, then Stylise." }, ["change"]);
  await showVideo();
}

async function takeStyle(file) {
  complain("");
  if (file.size > Number(limits.maxUploadMb) * 1e6) return complain(`${file.name} is too large; ${limits.maxUploadMb} MB is the most.`);
  try {
    await gallery.hangFile(file);
    change();
  } catch (error) {
    complain(explain(error, file.name || "pasted picture"));
  }
}

// -- asking for it ---------------------------------------------------------------------------------

async function form() {
  const body = new FormData();
  const styles = gallery.selection();
  const params = { kind: "video", ...fields() };
  const [one] = styles;
  const attached = async (style, field) => body.set(field, await persist(() => style.picture.blob()), style.picture.name);
  if (styles.length > 1) {
    const shares = pad.weights();
    const named = await Promise.all(styles.map(async (style, n) => {
      if (!style.id) await attached(style, `style_${n + 1}`);
      return { ...(style.id ? { style_id: style.id } : { file: `style_${n + 1}` }), weight: shares[n] };
    }));
    params.styles = JSON.stringify(named);
  } else if (one.network) params.network = one.network;
  else if (one.id) params.style_id = one.id;
  else await attached(one, "style");
  for (const [key, value] of Object.entries(params)) if (value !== null) body.set(key, value);
  body.set("content", await persist(() => shown.photo.blob()), shown.photo.name);
  return body;
}

async function submit() {
  complain("");
  if (!shown.photo) {
    at("photo-file").focus();
    return complain("Bring a video first: drop it here, paste it, or pick a file.");
  }
  if (!gallery.selection().length) return complain("Choose a style first.");
  ready(false);
  letGo();
  player.pause();
  const { photo } = shown;
  const { signal } = shown.following;
  const sent = (share) => signal.aborted || ledge.say({ title: "Carrying it over", detail: share < 1 ? `${Math.round(share * 100)}% of ${photo.name} sent.` : "Having a look at it.", done: share < 1 ? 100 * share : "unknown" });
  sent(0);
  at("easel").scrollIntoView({ block: "nearest" });
  const key = api.freshKey();
  try {
    const body = await form();
    const job = await persist(() => send(body, key, sent, signal));
    attic.clear();
    if (signal.aborted) return rack.refresh();
    history.replaceState(null, "", `#job=${encodeURIComponent(job.id)}`);
    if (job.status !== "succeeded") await showVideo();
    watch(job);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof api.Refusal)) throw error;
    complain([413, 415].includes(error.status) ? explain(error, photo.name) : error.message);
    ready(true);
    ledge.say({ title: photo.name, detail: "Not sent." }, ["change"]);
  }
}

// -- the job that is followed ----------------------------------------------------------------------

let tasting = 0;

/** The newest frame that was painted, beside the frame that it was painted from. */
function taste({ url }, signal) {
  clearTimeout(tasting);
  // After a reload all are told again, and only the newest is still there.
  tasting = setTimeout(async () => {
    const image = new Image();
    image.src = url;
    const shows = await image.decode().then(() => true, () => false);
    if (!shows || signal.aborted || shown.job?.status !== "running") return;
    const first = !foretaste.hasAttribute("src");
    foretaste.src = image.src;
    const { step = 0, total = 0 } = shown.job.progress ?? {};
    if (total) player.glance(step / total, shown.job.params.start_s ?? 0, shown.job.params.end_s);
    if (at("wall").dataset.state === "unpreviewed") return;
    name("Video", "So far");
    stand("compared", "preview");
    if (first) reveal();
  }, 300);
}

async function showPainting(job, signal) {
  const [output] = job.outputs;
  const [num, den = 1] = String(job.metrics?.video?.rate ?? "25").split("/").map(Number);
  const [comparable, plays] = await player.open({
    original: shown.photo?.url ?? null, painting: output.url, start: job.params.start_s ?? 0, rate: num / den,
  });
  if (signal.aborted) return;
  clearTimeout(tasting);
  foretaste.removeAttribute("src");
  name("Video", "Painting");
  if (plays || comparable) proportion(output.width, output.height);
  gaze({ scale: 1, x: 0, y: 0 });
  if (!plays) {
    at("unpreviewed").textContent = "This browser can’t play that format. Download it to watch it.";
    return stand("unpreviewed");
  }
  stand(comparable ? "compared" : "painting", "final");
  if (comparable) reveal();
}

async function watch(first) {
  const { signal } = shown.following;
  let status = null;
  rack.mark(first.id);
  const show = (job) => {
    shown.job = job;
    ledge.tell(job);
    ready(shown.changed || isFinal(job));
    if (job.status !== status) rack.refresh();
    status = job.status;
  };
  try {
    const job = await follow(first, show, signal, { sample: (data) => taste(data, signal) });
    if (job?.status !== "succeeded" || signal.aborted) return;
    at("download").href = `${job.outputs[0].url}?download=1`;
    if (!shown.changed) await showPainting(job, signal);
  } catch (error) {
    lost(error);
  }
}

async function recall(id) {
  letGo();
  complain("");
  const { signal } = shown.following;
  try {
    const job = await persist(() => api.job(id, signal));
    if (signal.aborted) return;
    shown.photo?.forget();
    shown.photo = Picture.ofJob(job, "content");
    await settle(job);
    if (job.status !== "succeeded" && shown.photo) await showVideo();
    if (!signal.aborted) watch(job);
  } catch (error) {
    if (!signal.aborted) lost(error);
  }
}

function lost(error) {
  if (!(error instanceof api.Refusal)) throw error;
  unlink();
  if (!shown.photo) stand("empty");
  const gone = error.status === 404;
  ledge.say({ title: gone ? "That video is no longer here" : "That video can’t be shown", detail: gone ? "Bring another." : error.message }, shown.photo ? ["change"] : []);
  ready(true);
}

// -- wiring ----------------------------------------------------------------------------------------

welcome({ onPhoto: takeVideo, onStyle: takeStyle });
attach({ shown, settle, letGo, unlink, change, restage: () => showVideo() });
at("palette").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
at("palette").addEventListener("input", change);
gallery.whenRemoved((error) => complain(error.message));

const linked = () => new URLSearchParams(location.hash.slice(1)).get("job");
addEventListener("hashchange", () => linked() && recall(linked()));
if (linked()) {
  stand("waiting");
  ledge.say({ title: "Fetching your video", done: "unknown" });
}
const { styles = [], weights = [], dials: turned } = kept().video ?? {};
if (turned) turn(turned);
words();
try {
  await gallery.open();
  const hung = styles.filter((value) => gallery.find(value));
  if (hung.length) gallery.choose(...hung);
  await mix(weights.length === hung.length && hung.length > 1 ? weights : null);
} catch (error) {
  complain(`The gallery can’t be shown. ${error.message}`);
}
if (linked()) recall(linked());
else {
  rack.refresh();
  // Not sent when the page was left.
  const waiting = await attic.take();
  if (waiting && !shown.photo && !linked()) takeVideo(waiting);
}
