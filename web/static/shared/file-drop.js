// Files that arrive: picked, pasted, or dropped anywhere on the page.

/** Calls `onPhoto` or `onStyle` with each file that comes, by where it was dropped or pasted. */
export function welcome({ onPhoto, onStyle }) {
  const styles = document.getElementById("styles");
  const deliver = (file, target) => (styles.contains(target) ? onStyle : onPhoto)(file);

  for (const [id, take] of [["photo-file", onPhoto], ["style-file", onStyle]]) {
    const input = document.getElementById(id);
    input.addEventListener("change", () => {
      if (input.files[0]) take(input.files[0]);
      // So that the same file, mended, can be picked again.
      input.value = "";
    });
  }

  addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (!file) return;
    event.preventDefault();
    deliver(file, document.activeElement);
  });

  // The page's own pictures can be dragged too, and are no files.
  const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const hint = (on) => document.body.classList.toggle("dragging", on);
  addEventListener("dragenter", (event) => {
    if (carriesFile(event)) hint((depth += 1) > 0);
  });
  addEventListener("dragleave", (event) => {
    if (carriesFile(event)) hint((depth = Math.max(0, depth - 1)) > 0);
  });
  addEventListener("dragover", (event) => {
    if (carriesFile(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    depth = 0;
    hint(false);
    const [file] = event.dataTransfer?.files ?? [];
    if (!file) return;
    event.preventDefault();
    deliver(file, event.target);
  });
}
