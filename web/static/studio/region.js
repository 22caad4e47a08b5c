// Masked region of the photo. The mask's editor is loaded once the section is opened.
import { byId } from "../shared/dom.js";

const section = byId("region");
let editor = null;
let openedByRestore = false;

async function loadEditor() {
  const [mask, { setRegionSource }] = await Promise.all([import("./mask-brush.js"), import("./request.js")]);
  editor = mask;
  setRegionSource(editor.readRegion);
}

/** Clears the mask, for another photo. */
export const resetRegion = () => editor?.reset();

/** The masked region of a job, with the address of its mask; undefined for jobs without one. */
export function regionOf(job) {
  const [region] = job.params?.regions ?? [];
  const input = region && job.inputs.find(({ role }) => role === "mask_1");
  return input && { ...region, url: input.url };
}

/** Restores a mask and its settings. */
export async function restoreRegion(region) {
  if (!region) return;
  await loadEditor();
  await editor.restore(region);
  openedByRestore = !section.open;
  section.open = true;
}

/** Calls `act` when the mask is opened or closed, which switches it on or off. */
export function onRegionToggle(act) {
  section.addEventListener("toggle", () => {
    if (openedByRestore) openedByRestore = false;
    else if (section.open && !editor) loadEditor();
    else if (editor) act();
  });
}
