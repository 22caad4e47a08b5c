// Actions on the job that is open: cancel, retry, use its settings, compare, copy as code, delete.
import * as api from "./api.js";
import { byId } from "./dom.js";
import { showError, tryOrShowError } from "./errors.js";
import * as history from "./history.js";
import { onCancel, showJob, showStatus } from "./job-status.js";
import { withRetry } from "./reconnect.js";
import * as gallery from "./style-gallery.js";

/**
 * Wires the buttons below the picture. The page passes its state and functions: `showContent` shows the photo or
 * video alone, `showPair` shows two pictures.
 */
export function attachActions({ state, applySettings, closeJob, clearHash, onChange, showContent, showPair }) {
  onCancel(async () => {
    const { job } = state;
    if (!job) return;
    showJob(Object.assign(job, { cancel_requested: true }));
    try {
      await withRetry(() => api.cancelJob(job.id));
    } catch (error) {
      // It has ended in the meantime, which the followed job shows.
      if (!(error instanceof api.ApiError)) throw error;
    }
  });
  byId("retry").addEventListener("click", async () => {
    const job = await tryOrShowError(() => api.retryJob(state.job.id));
    if (job) location.hash = `job=${encodeURIComponent(job.id)}`;
  });
  byId("use-settings").addEventListener("click", async () => {
    await applySettings(state.job);
    closeJob();
    clearHash();
    onChange();
    const title = state.content?.name ?? "Settings restored";
    showStatus({ title, detail: "The same settings, to change or to use on another photo." }, ["other-content"]);
  });
  byId("compare-with")?.addEventListener("click", () => {
    if (!history.countOthers()) return showError("There is no other picture to compare with yet.");
    const current = state.job;
    history.pickNext(async (other) => {
      const [left, right] = [other.outputs?.[0], current.outputs?.[0]];
      if (!left || !right) return;
      const labels = { left: gallery.pictureTitle(other), right: gallery.pictureTitle(current) };
      await showPair(right, { url: left.url }, labels);
      showStatus({ title: "Two pictures", detail: `${labels.left} beside ${labels.right}.` }, [
        "other-content",
        "menu",
      ]);
    });
  });
  byId("delete").addEventListener("click", () => history.deleteJob(state.job));
  byId("history-list").addEventListener("deleted", ({ detail: id }) => {
    if (state.job?.id !== id) return;
    // Fetched now, because the server deletes the photo with its job.
    state.content?.blob().catch(() => {});
    closeJob();
    clearHash();
    if (state.content) showContent();
    showStatus({ title: state.content?.name ?? "Deleted", detail: "Choose a style, then Stylise." }, ["other-content"]);
  });
  for (const format of ["curl", "cli", "python"]) {
    byId(format).addEventListener("click", ({ target }) => copyAs(format, state, target));
  }
  closeLikeMenus(byId("menu"));
}

/** Copies the open job as a command or program, and confirms on the button. */
async function copyAs(format, state, button) {
  const menu = byId("menu");
  const shareCode = await import("./share-code.js");
  const names = { content: state.content?.name, style: gallery.selectedStyles()[0]?.title };
  const label = button.textContent;
  if (await shareCode.copy(shareCode[format](state.job, names))) {
    button.textContent = "Copied";
    setTimeout(() => {
      button.textContent = label;
      menu.open = false;
    }, 1200);
  } else menu.open = false;
}

/** Closes a menu on a click outside, on a click on an action, and on Escape. */
function closeLikeMenus(menu) {
  addEventListener("click", ({ target }) => {
    if (!menu.contains(target) || target.matches("#use-settings, #compare-with, #delete")) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.firstElementChild.focus();
  });
}
