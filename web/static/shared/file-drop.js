// File input: files that are picked, pasted, or dropped anywhere on the page.
import { byId } from "./dom.js";

/** Calls `onContent` or `onStyle` with each file, by the input, or by where it was dropped or pasted. */
export function listenForFiles({ onContent, onStyle }) {
  const styles = byId("styles");
  const deliver = (file, target) => (styles.contains(target) ? onStyle : onContent)(file);

  for (const [id, onFile] of [
    ["content-file", onContent],
    ["style-file", onStyle],
  ]) {
    const input = byId(id);
    input.addEventListener("change", () => {
      if (input.files[0]) onFile(input.files[0]);
      // Cleared, so that the same file can be picked again after it was corrected.
      input.value = "";
    });
  }

  addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (!file) return;
    event.preventDefault();
    deliver(file, document.activeElement);
  });

  // The page's own pictures can be dragged too, and are not files.
  const hasFile = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const setHint = (on) => document.body.classList.toggle("dragging", on);
  addEventListener("dragenter", (event) => {
    if (hasFile(event)) setHint((depth += 1) > 0);
  });
  addEventListener("dragleave", (event) => {
    if (hasFile(event)) setHint((depth = Math.max(0, depth - 1)) > 0);
  });
  addEventListener("dragover", (event) => {
    if (hasFile(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    depth = 0;
    setHint(false);
    const [file] = event.dataTransfer?.files ?? [];
    if (!file) return;
    event.preventDefault();
    deliver(file, event.target);
  });
}
