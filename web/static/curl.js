// The same picture from a terminal: what this page sent, as one command.

import { styleOf } from "./gallery.js";

const quote = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** The command for a job, with the names of the files where they are known. */
export function command(job, names) {
  const style = styleOf(job)?.id;
  const fields = [["kind", job.kind], ["content", `@${names.photo ?? "photo.jpg"}`]];
  fields.push(style ? ["style_id", style] : ["style", `@${names.style ?? "style.jpg"}`]);
  for (const [key, value] of Object.entries(job.params ?? {})) {
    if (value !== null && typeof value !== "object") fields.push([key, String(value)]);
  }
  const parts = fields.map(([key, value]) => `-F ${quote(`${key}=${value}`)}`);
  return `curl ${parts.join(" ")} ${location.origin}/v1/jobs`;
}

/** Copies the command; where a page may not, shows it to be copied by hand. */
export async function copy(text, button) {
  const shown = document.getElementById("command");
  try {
    await navigator.clipboard.writeText(text);
    const said = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = said), 1600);
  } catch {
    shown.textContent = text;
    shown.hidden = false;
    shown.focus();
  }
}
