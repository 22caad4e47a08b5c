// The studio: what is on the easel, what was asked for, and the job that is followed.
import * as api from "../shared/api.js";
import { welcome } from "../shared/file-drop.js";
import * as dials from "./settings.js";
import * as easel from "./canvas.js";
import * as gallery from "../shared/style-gallery.js";
import { follow } from "../shared/follow-job.js";
import * as ledge from "../shared/job-status.js";
import { persist } from "../shared/retry.js";
import { attempt, complain } from "../shared/errors.js";
import { onPart, partOf, remask, unmask } from "./region.js";
import { Picture, explain } from "../shared/picture.js";
import * as rack from "../shared/history.js";
import { keep } from "../shared/session-state.js";
import { restore } from "./restore.js";

const at = (id) => document.getElementById(id);
const stylise = at("stylise");
const form = at("palette");
const limit = Number(at("studio").dataset.maxUploadMb);
const shown = { photo: null, job: null, changed: false, following: new AbortController() };
const title = document.title;
// What is only needed once there is a photo or a mixture comes when it is.
let [glimpse, sheet, pad, deeds] = [];

/** Ready unless the very same picture is already being made. */
const ready = (on) => {
  stylise.disabled = !on;
  stylise.textContent = on ? "Stylise" : "Stylising…";
};

const fits = (file) => {
  if (!limit || file.size <= limit * 1e6) return true;
  complain(`${file.name} is too large: ${(file.size / 1e6).toFixed(0)} MB, where ${limit} MB is the most.`);
  return false;
};

function letGo() {
  shown.following.abort();
  shown.following = new AbortController();
  shown.job = null;
  shown.changed = false;
  at("command").hidden = true;
  rack.mark(null);
  rack.pick(null);
  document.title = title;
}

const unlink = () => history.replaceState(null, "", location.pathname + location.search);

/** Another photo is in the hand: for the previews, for the contact sheet, and after a reload. */
async function hold(photo) {
  shown.photo = photo;
  unmask();
  glimpse ??= await import("./live-preview.js");
  glimpse.onWord(previewed);
  if (shown.photo !== photo) return;
  glimpse.of(photo);
  hang();
}

/** The contact sheet, where it is wanted. */
async function hang() {
  if (!at("sheet").checked && !sheet) return;
  sheet ??= await import("./style-previews.js");
  sheet.of(shown.photo);
}

/** The pad, once there are two styles to mix. */
async function mix(given) {
  if (gallery.selection().length < 2 && !pad) return;
  pad ??= await import("../shared/style-mixer.js");
  pad.show(gallery.selection(), given);
}

async function takePhoto(file) {
  complain("");
  if (file.type.startsWith("video/")) return complain(`${file.name} is a video. The Video page paints it.`);
  if (!fits(file)) return;
  letGo();
  unlink();
  shown.photo?.forget();
  const photo = Picture.ofFile(file);
  shown.photo = photo;
  ledge.say({ title: photo.name, detail: "Choose a style, then Stylise." }, ["change"]);
  easel.showPhoto(photo);
  ready(true);
  try {
    const id = await photo.upload();
    if (shown.photo !== photo) return;
    keep({ photo: { id, name: photo.name } });
    await hold(photo);
    glimpse.changed();
  } catch (error) {
    if (shown.photo === photo) refused(photo, error);
  }
}

function refused(photo, error) {
  complain(explain(error, photo.name));
  ledge.say({ title: photo.name, detail: "Not sent." }, ["change"]);
}

/** Another wish is another job: nobody has to wait for the last one to end. */
async function change(event) {
  shown.changed = true;
  ready(true);
  await mix();
  remember();
  // What only concerns the file changes no preview.
  if (["format", "quality", "size", "original"].includes(event?.target.id)) return;
  const dragging = event?.type === "input" && event.target.id === "alpha";
  glimpse?.changed({ dragging, rest: dragging ? 350 : undefined });
}

function remember() {
  dials.fixStrokes(gallery.selection().some(({ network }) => network));
  const styles = gallery.selection().map(({ value }) => value);
  keep({ styles, weights: (styles.length > 1 && pad?.weights()) || [], dials: { size: null, ...dials.fields() } });
}

async function takeStyle(file) {
  complain("");
  if (!fits(file)) return;
  at("slot").setAttribute("aria-busy", "true");
  try {
    await gallery.hangFile(file);
    change();
    sheet?.again();
  } catch (error) {
    complain(explain(error, file.name || "pasted picture"));
  } finally {
    at("slot").removeAttribute("aria-busy");
  }
}

async function request(photo) {
  const { wish } = await import("./request.js");
  const send = async () => {
    const [body, key] = [await wish(photo), api.freshKey()];
    return persist(() => api.submit(body, key), 4);
  };
  try {
    return await send();
  } catch (error) {
    // Uploads are kept for a day; a page may be open for longer.
    if (!(error instanceof api.Refusal) || !error.pointers.some((each) => each.includes("upload"))) throw error;
    photo.forgotten();
    return send();
  }
}

async function send() {
  complain("");
  if (!shown.photo) {
    at("photo-file").focus();
    return complain("Bring a photo first: drop it here, paste it, or pick a file.");
  }
  if (!gallery.selection().length) return complain("Choose a style first.");
  ready(false);
  letGo();
  glimpse?.rest();
  const { photo } = shown;
  const { signal } = shown.following;
  if (!easel.previewing()) easel.showPhoto(photo);
  ledge.say({ title: "Carrying it over", detail: `Sending ${photo.name}.`, done: "unknown" });
  at("easel").scrollIntoView({ block: "nearest" });
  try {
    const job = await request(photo);
    // Somebody who went on to another picture in the meantime is not called back.
    if (signal.aborted) return rack.refresh();
    history.replaceState(null, "", `#job=${encodeURIComponent(job.id)}`);
    watch(job);
  } catch (error) {
    if (!(error instanceof api.Refusal || error instanceof api.Away)) throw error;
    if (signal.aborted) return;
    const aboutFile = error instanceof api.Away || [413, 415].includes(error.status);
    if (aboutFile) refused(photo, error);
    else complain(error.message);
    ready(true);
    ledge.say({ title: photo.name, detail: "Not sent." }, ["change"]);
  }
}

/** Puts styles and dials where a job had them. */
async function settle(job) {
  const { styles = [], ...params } = job.params ?? {};
  dials.turn(params);
  gallery.recall(job);
  await mix(styles.length > 1 ? styles.map(({ weight }) => weight) : null);
  remember();
}

/** Shows an earlier job as it was asked for, so that it can be changed and made again. */
async function recall(id) {
  letGo();
  complain("");
  glimpse?.rest();
  const { signal } = shown.following;
  try {
    const job = await persist(() => api.job(id, signal));
    if (signal.aborted) return;
    shown.photo?.forget();
    const photo = Picture.ofJob(job, "content");
    if (!photo) easel.clear();
    else if (job.status !== "succeeded") easel.showPhoto(photo);
    await Promise.all([settle(job), hold(photo)]);
    await remask(partOf(job));
    if (!signal.aborted) watch(job);
  } catch (error) {
    if (signal.aborted) return;
    lost(error);
  }
}

function lost(error) {
  if (!(error instanceof api.Refusal)) throw error;
  unlink();
  if (!shown.photo) easel.clear();
  const gone = error.status === 404;
  ledge.say({ title: gone ? "That picture is no longer here" : "That picture can’t be shown",
    detail: gone ? "Bring a photo to make another." : error.message }, shown.photo ? ["change"] : []);
  ready(true);
}

async function watch(first) {
  const { signal } = shown.following;
  let status = null;
  // The first job brings what can be done with it.
  deeds ??= import("../shared/job-actions.js").then(({ attach }) => attach({
    shown, settle, letGo, unlink, change, restage: () => easel.showPhoto(shown.photo), beside: easel.showPainting,
  }));
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
    if (job?.status !== "succeeded" || signal.aborted) return;
    const [output] = job.outputs ?? [];
    if (!output) return;
    at("download").href = `${output.url}?download=1`;
    if (!shown.changed) await easel.showPainting(output, shown.photo);
  } catch (error) {
    lost(error);
  }
}

// -- what comes in ---------------------------------------------------------------------------------

welcome({ onPhoto: takePhoto, onStyle: takeStyle });
for (const button of document.querySelectorAll("#samples button")) {
  button.addEventListener("click", async () => {
    const blob = await attempt(() => api.bytes(button.dataset.url));
    if (blob) takePhoto(new File([blob], button.dataset.name, { type: blob.type }));
  });
}
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
form.addEventListener("input", (event) => event.target.id !== "sheet" && change(event));
at("alpha").addEventListener("change", () => glimpse?.changed());
at("sheet").addEventListener("change", () => {
  localStorage.setItem("atelier.sheet", at("sheet").checked ? "on" : "off");
  hang();
});
onPart(change);
gallery.whenRemoved((error) => complain(error.message));
function previewed(word) {
  if (word instanceof api.Refusal) return complain(word.message);
  // A job that goes on has the caption until it has ended.
  const going = ["queued", "running"].includes(shown.job?.status);
  if (word !== "preview" || going || (shown.job && !shown.changed)) return;
  ledge.say({ title: shown.photo.name, detail: "A small preview. Stylise paints it in full." }, ["change"]);
}

// -- where the last visit left off -----------------------------------------------------------------

at("sheet").checked = localStorage.getItem("atelier.sheet") === "on";
const linked = () => new URLSearchParams(location.hash.slice(1)).get("job");
addEventListener("hashchange", () => linked() && recall(linked()));
if (linked()) {
  easel.clear("waiting");
  ledge.say({ title: "Fetching your picture", done: "unknown" });
}
try {
  await gallery.open();
  await restore({ shown, mix, hold, remask, linked, unlink, remember, preview: () => glimpse.changed() });
  dials.fixStrokes(gallery.selection().some(({ network }) => network));
} catch (error) {
  complain(`The gallery can’t be shown. ${error.message}`);
}
if (linked()) recall(linked());
else rack.refresh();
