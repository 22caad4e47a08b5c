// Restores the last session: photo, styles, settings and mask, whose ids the browser has stored.
import { ApiError, request } from "../shared/api.js";
import { showStatus } from "../shared/job-status.js";
import { Picture } from "../shared/picture.js";
import { withRetry } from "../shared/reconnect.js";
import { loadSession, saveSession } from "../shared/session-state.js";
import { findNetwork, findStyle, selectStyles } from "../shared/style-gallery.js";
import * as canvas from "./canvas.js";
import { applyParams } from "./settings.js";

/** Selects the network of a link `#network=NAME`. */
function selectLinkedNetwork({ clearHash, remember }) {
  const name = new URLSearchParams(location.hash.slice(1)).get("network");
  const style = name && findNetwork(name);
  if (!style) return;
  selectStyles(style.value);
  clearHash();
  remember();
}

/** Restores the session; a link to a job takes precedence. `studio` has the page's state and functions. */
export async function restoreSession(studio) {
  const { state, showMixer, usePhoto, restoreRegion, linkedJob, updatePreview } = studio;
  const { settings } = loadSession();
  if (settings) applyParams(settings);
  selectLinkedNetwork(studio);
  const { photo, mask, styles = [], weights = [] } = loadSession();
  const existing = styles.filter((value) => findStyle(value));
  if (existing.length) selectStyles(...existing);
  await showMixer(weights.length === existing.length && existing.length > 1 ? weights : null);
  if (!photo || linkedJob()) return;
  const picture = Picture.ofUpload(photo);
  try {
    await withRetry(() => request(`/v1/uploads/${encodeURIComponent(photo.id)}`));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return saveSession({ photo: null });
  }
  if (state.content || linkedJob()) return;
  canvas.showPhoto(picture);
  showStatus({ title: picture.name, detail: "Painting a preview…" }, ["other-content", "start-over"]);
  await usePhoto(picture);
  // A mask belongs to the photo that it was painted on.
  if (mask?.photo === photo.id) {
    await restoreRegion({ ...mask, url: `/v1/uploads/${encodeURIComponent(mask.upload)}/image` });
  }
  updatePreview();
}
