// What can be done with the picture on the easel: cancel, try again, use its settings, compare, tell, delete.
import * as api from "./api.js";
import * as gallery from "./style-gallery.js";
import * as ledge from "./job-status.js";
import { persist } from "./retry.js";
import { attempt, complain } from "./errors.js";
import * as rack from "./history.js";

const at = (id) => document.getElementById(id);

/**
 * Gives the buttons below the picture their work. The page lends what it has: `restage` puts the photo back up,
 * `beside` shows two pictures.
 */
export function attach({ shown, settle, letGo, unlink, change, restage, beside }) {
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
  at("again").addEventListener("click", async () => {
    const job = await attempt(() => api.retry(shown.job.id));
    if (job) location.hash = `job=${encodeURIComponent(job.id)}`;
  });
  at("reuse").addEventListener("click", async () => {
    await settle(shown.job);
    letGo();
    unlink();
    change();
    ledge.say({ title: shown.photo?.name ?? "Settings taken over", detail: "The same settings, to be changed or used on another photo." }, ["change"]);
  });
  at("versus")?.addEventListener("click", () => {
    if (!rack.others()) return complain("There is no other picture to compare with yet.");
    const one = shown.job;
    rack.pick(async (other) => {
      const [left, right] = [other.outputs?.[0], one.outputs?.[0]];
      if (!left || !right) return;
      await beside(right, { url: left.url }, { left: rack.nameOf(other), right: rack.nameOf(one) });
      ledge.say({ title: "Two pictures", detail: `${rack.nameOf(other)} beside ${rack.nameOf(one)}.` }, ["change", "menu"]);
    });
  });
  at("delete").addEventListener("click", async () => {
    const { job } = shown;
    if ((await attempt(() => api.remove(job.id).then(() => true))) === null) return;
    leave(job.id);
    rack.refresh();
  });
  function leave(id) {
    if (shown.job?.id !== id) return;
    letGo();
    unlink();
    if (shown.photo) restage();
    ledge.say({ title: shown.photo?.name ?? "Deleted", detail: "It was deleted; what it was made of is still here." }, ["change"]);
  }
  at("rack").addEventListener("gone", (event) => leave(event.detail));
  for (const form of ["curl", "cli", "python"].filter(at)) {
    at(form).addEventListener("click", async (event) => {
      const recipe = await import("./share-code.js");
      const names = { photo: shown.photo?.name, style: gallery.selection()[0]?.title };
      const button = event.target;
      const said = button.textContent;
      if (await recipe.copy(recipe[form](shown.job, names))) {
        button.textContent = "Copied";
        setTimeout(() => (button.textContent = said, (at("menu").open = false)), 1200);
      } else at("menu").open = false;
    });
  }
  // A menu closes as menus do.
  addEventListener("click", (event) => {
    if (!at("menu").contains(event.target) || event.target.matches("#reuse, #versus, #delete")) at("menu").open = false;
  });
  at("menu").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    at("menu").open = false;
    at("menu").firstElementChild.focus();
  });
}
