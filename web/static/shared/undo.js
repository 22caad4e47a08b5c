// Deletion with undo: a toast offers to undo it for some seconds; then, or when the page closes, it is carried out.
import { create } from "./dom.js";

const DELAY_MS = 8000;
const text = create("span");
const button = create("button", { type: "button", className: "button", textContent: "Undo", id: "undo" });
const toast = create("div", { className: "toast", id: "toast", hidden: true }, text, button);
toast.setAttribute("role", "status");
document.body.append(toast);
// The deletion that can be undone: `{commit, undo, timer}`, or null.
let pending = null;

function take() {
  const current = pending;
  clearTimeout(current?.timer);
  pending = null;
  toast.hidden = true;
  return current;
}

const commitPending = (closing = false) => take()?.commit({ closing });

/**
 * Shows `message` with an Undo button. `undo` is called when that is pressed; `commit` is called otherwise, with
 * `{closing: true}` while the page closes, when it must send its request without waiting.
 */
export function deleteWithUndo(message, { commit, undo }) {
  commitPending();
  text.textContent = message;
  toast.hidden = false;
  pending = { commit, undo, timer: setTimeout(() => commitPending(), DELAY_MS) };
}

button.addEventListener("click", () => take()?.undo());
addEventListener("pagehide", () => commitPending(true));
