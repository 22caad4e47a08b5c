// Progress bar below the picture.
import { byId } from "./dom.js";

const bar = byId("progress");

/** `done` is a percentage, "indeterminate" while none is known, or null while nothing runs; `tone` is "error" or "". */
export function showProgress(done, tone = "") {
  const isNumber = typeof done === "number";
  bar.dataset.done = done === null ? "idle" : !isNumber ? "indeterminate" : done >= 100 ? "complete" : "partial";
  bar.dataset.tone = tone;
  bar.setAttribute("aria-hidden", done === null);
  bar.style.setProperty("--done", isNumber ? `${done}%` : "0%");
  if (isNumber) bar.setAttribute("aria-valuenow", Math.round(done));
  else bar.removeAttribute("aria-valuenow");
}
