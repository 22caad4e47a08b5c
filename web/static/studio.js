// The studio: what is on the easel, what was asked for, and the job that is followed.
import * as api from "./api.js";
import { welcome } from "./arrivals.js";
import { command, copy } from "./curl.js";
import * as dials from "./dials.js";
import * as easel from "./easel.js";
import * as gallery from "./gallery.js";
import { follow } from "./job.js";
import * as ledge from "./ledge.js";
import { persist } from "./lifeline.js";
import * as mix from "./mix.js";
import { Picture } from "./picture.js";
import * as rack from "./rack.js";

const at = (id) => document.getElementById(id);
const studio = at("studio");
const notice = at("notice");
const stylise = at("stylise");
const form = at("palette");
const limit = Number(studio.dataset.maxUploadMb);
const shown = { photo: null, job: null, changed: false, following: new AbortController() };
const title = document.title;

function complain(sentence) {
  notice.textContent = sentence;
  notice.hidden = !sentence;
}

/** Ready unless the very same picture is already being made. */
const ready = (on) => {
  stylise.disabled = !on;
  stylise.textContent = on ? "Stylise" : "Stylising…";
};

const fits = (file) => {
  const megabytes = file.size / 1e6;
  if (!limit || file.size <= limit * 1e6) return true;
  complain(`${file.name} is too large: ${megabytes.toFixed(0)} MB, where ${limit} MB is the most.`);
  return false;
};

function letGo() {
  shown.following.abort();
  shown.following = new AbortController();
  shown.job = null;
  shown.changed = false;
  at("command").hidden = true;
  rack.mark(null);
  document.title = title;
}

function takePhoto(file) {
  complain("");
  if (!fits(file)) return;
  letGo();
  history.replaceState(null, "", location.pathname + location.search);
  shown.photo?.forget();
  shown.photo = Picture.ofFile(file);
  ledge.say({ title: shown.photo.name, detail: "Choose a style, then Stylise." }, ["change"]);
  easel.showPhoto(shown.photo);
  ready(true);
}

/** Another wish is another job: nobody has to wait for the last one to end. */
function change() {
  shown.changed = true;
  ready(true);
}

function takeStyle(file) {
  complain("");
  if (!fits(file)) return;
  gallery.hangFile(file);
  change();
}

/** The refusal as a sentence that names the file it is about. */
function explain(error, photo, style) {
  const about = error.pointers.join(" ");
  const isStyle = /style/.test(about) && !/style_id/.test(about);
  const isFile = isStyle || /content/.test(about) || [413, 415].includes(error.status);
  const { name } = isStyle ? style : photo;
  // Programs are told the field with the file's name behind it; people know the name alone.
  const sentence = error.message.replace(/^(?:content|style) \((.+?)\) /, "$1 ");
  const named = [photo.name, style.name].some((each) => sentence.includes(each));
  return isFile && !named ? `${name} can’t be used. ${sentence}` : sentence;
}

async function request(photo, style) {
  const body = new FormData();
  body.set("kind", "stylize");
  body.set("content", await persist(() => photo.blob()), photo.name);
  const mixed = mix.styles(style);
  if (mixed) body.set("styles", JSON.stringify(mixed));
  else if (style.id) body.set("style_id", style.id);
  if (!style.id) body.set("style", await persist(() => style.picture.blob()), style.picture.name);
  for (const [key, value] of Object.entries(dials.fields())) body.set(key, value);
  // crypto.randomUUID is for https alone, and a studio may be on the local network.
  const key = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  return persist(() => api.submit(body, key), 4);
}

async function send() {
  complain("");
  const style = gallery.selection();
  if (!shown.photo) {
    at("photo-file").focus();
    return complain("Bring a photo first: drop it here, paste it, or pick a file.");
  }
  if (!style) return complain("Choose a style first.");
  ready(false);
  letGo();
  const { photo } = shown;
  const { signal } = shown.following;
  easel.showPhoto(photo);
  ledge.say({ title: "Carrying it over", detail: `Sending ${photo.name}.`, done: "unknown" });
  at("easel").scrollIntoView({ block: "nearest" });
  try {
    const job = await request(photo, style);
    // Somebody who went on to another picture in the meantime is not called back.
    if (signal.aborted) return rack.refresh();
    history.replaceState(null, "", `#job=${encodeURIComponent(job.id)}`);
    watch(job);
  } catch (error) {
    if (error instanceof api.Refusal) complain(explain(error, photo, style));
    else if (error instanceof api.Away) complain(`The connection broke while sending ${photo.name}. Please try again.`);
    else throw error;
    if (signal.aborted) return;
    ready(true);
    ledge.say({ title: photo.name, detail: "Not sent." }, ["change"]);
  }
}

/** Shows an earlier job as it was asked for, so that it can be changed and made again. */
async function recall(id) {
  letGo();
  complain("");
  const { signal } = shown.following;
  try {
    const job = await persist(() => api.job(id, signal));
    if (signal.aborted) return;
    shown.photo?.forget();
    shown.photo = Picture.ofJob(job, "content");
    dials.turn(job.params ?? {});
    gallery.recall(job);
    mix.recall(job.params ?? {});
    if (!shown.photo) easel.clear();
    else if (job.status !== "succeeded") easel.showPhoto(shown.photo);
    watch(job);
  } catch (error) {
    if (signal.aborted) return;
    lost(error);
  }
}

function lost(error) {
  if (!(error instanceof api.Refusal)) throw error;
  history.replaceState(null, "", location.pathname + location.search);
  if (!shown.photo) easel.clear();
  const gone = error.status === 404;
  ledge.say({ title: gone ? "That picture is no longer here" : "That picture can’t be shown",
    detail: gone ? "Bring a photo to make another." : error.message }, shown.photo ? ["change"] : []);
  ready(true);
}

async function watch(first) {
  const { signal } = shown.following;
  let status = null;
  rack.mark(first.id);
  const show = (job) => {
    shown.job = job;
    ledge.tell(job);
    ready(shown.changed || !["queued", "running"].includes(job.status));
    if (job.status !== status) rack.refresh();
    status = job.status;
  };
  try {
    const job = await follow(first, show, signal);
    if (job?.status !== "succeeded") return;
    const [output] = job.outputs ?? [];
    if (!output) return;
    at("download").href = `${output.url}?download=1`;
    await easel.showPainting(output, shown.photo);
  } catch (error) {
    lost(error);
  }
}

welcome({ onPhoto: takePhoto, onStyle: takeStyle });
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
form.addEventListener("input", change);
ledge.onCancel(async () => {
  const { job } = shown;
  if (!job) return;
  ledge.tell(Object.assign(job, { cancel_requested: true }));
  try {
    await persist(() => api.cancel(job.id));
  } catch (error) {
    // Ended in the meantime: the job that is followed tells.
    if (!(error instanceof api.Refusal)) throw error;
  }
});
at("curl").addEventListener("click", (event) => {
  const names = { photo: shown.photo?.name, style: gallery.selection()?.name };
  copy(command(shown.job, names), event.currentTarget);
});

const linked = () => new URLSearchParams(location.hash.slice(1)).get("job");
addEventListener("hashchange", () => linked() && recall(linked()));
if (linked()) {
  easel.clear("waiting");
  ledge.say({ title: "Fetching your picture", done: "unknown" });
}
try {
  await gallery.open();
  mix.open();
} catch (error) {
  complain(`The gallery can’t be shown. ${error.message}`);
}
if (linked()) recall(linked());
else rack.refresh();
