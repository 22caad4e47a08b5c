// The same picture from a terminal: what this page sent, as one command.

import { styleOf } from "./gallery.js";

const quote = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

// What lists hold is JSON; what is left out of an entry is not sent back as null.
const told = (value) =>
  typeof value === "object" ? JSON.stringify(value, (_, each) => (each === null ? undefined : each)) : String(value);

/** The command for a job, with the names of the files where they are known. */
export function command(job, names) {
  const params = job.params ?? {};
  const style = styleOf(job)?.id;
  const fields = [["kind", job.kind], ["content", `@${names.photo ?? "photo.jpg"}`]];
  if (!params.styles?.length) fields.push(style ? ["style_id", style] : ["style", `@${names.style ?? "style.jpg"}`]);
  for (const [key, value] of Object.entries(params)) {
    if (value !== null && value.length !== 0) fields.push([key, told(value)]);
  }
  const listed = [...(params.styles ?? []), ...(params.regions ?? [])];
  const files = new Set(listed.flatMap(({ file, mask }) => [file, mask]).filter(Boolean));
  for (const file of files) fields.push([file, `@${(file === "style" && names.style) || `${file}.png`}`]);
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
