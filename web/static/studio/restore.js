// Where the last visit left off: photo, styles and dials, as the browser kept their ids.
import * as api from "../shared/api.js";
import * as dials from "./settings.js";
import * as easel from "./canvas.js";
import * as gallery from "../shared/style-gallery.js";
import * as ledge from "../shared/job-status.js";
import { persist } from "../shared/retry.js";
import { Picture } from "../shared/picture.js";
import { keep, kept } from "../shared/session-state.js";

/** A link to paint with a network that was trained: `#network=NAME`. */
function takeNetwork({ unlink, remember }) {
  const name = new URLSearchParams(location.hash.slice(1)).get("network");
  if (!name || !gallery.find(`network:${name}`)) return;
  gallery.choose(`network:${name}`);
  unlink();
  remember();
}

/** Puts back what was on the easel; a link to a job comes before it. `studio` is what the studio lends. */
export async function restore(studio) {
  const { shown, mix, hold, remask, linked, preview } = studio;
  const { dials: turned } = kept();
  if (turned) dials.turn(turned);
  takeNetwork(studio);
  const { photo, mask, styles = [], weights = [] } = kept();
  const hung = styles.filter((value) => gallery.find(value));
  if (hung.length) gallery.choose(...hung);
  await mix(weights.length === hung.length && hung.length > 1 ? weights : null);
  if (!photo || linked()) return;
  const picture = Picture.ofUpload(photo);
  try {
    await persist(() => api.ask(`/v1/uploads/${encodeURIComponent(photo.id)}`));
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
    return keep({ photo: null });
  }
  if (shown.photo || linked()) return;
  easel.showPhoto(picture);
  ledge.say({ title: picture.name, detail: "Choose a style, then Stylise." }, ["change"]);
  await hold(picture);
  // A part belongs to the photo that it was painted on.
  if (mask?.photo === photo.id) await remask({ ...mask, url: `/v1/uploads/${encodeURIComponent(mask.upload)}/image` });
  preview();
}
