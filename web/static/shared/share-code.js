// The same picture from a terminal or a program: what this page sent, as curl, as a command, as Python.

import { styleOf } from "./style-gallery.js";

const quote = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

// What lists hold is JSON; what is left out of an entry is not sent back as null.
const told = (value) =>
  typeof value === "object" ? JSON.stringify(value, (_, each) => (each === null ? undefined : each)) : String(value);

/** The file that a recipe saves, by what the job makes. */
const saved = ({ kind, params }) => `painting.${kind === "video" ? ((params.format === "png" && "zip") || params.format) : "png"}`;

/** A job in parts: its files by field, the gallery's style, and its other parameters. */
function parts(job, names) {
  const { styles = [], regions = [], ...rest } = job.params ?? {};
  const given = Object.entries(rest).filter(([, value]) => value !== null && value.length !== 0);
  const files = [["content", names.photo ?? (job.kind === "video" ? "video.mp4" : "photo.jpg")]];
  const style = styleOf(job);
  const trained = Boolean(style?.network);
  if (!styles.length && !style) files.push(["style", names.style ?? "style.jpg"]);
  for (const { file, mask } of [...styles, ...regions]) {
    for (const name of [file, mask]) if (name && !files.some(([field]) => field === name)) files.push([name, `${name}.png`]);
  }
  return { files, given, styles, regions, styleId: !styles.length && !trained ? style?.id : null };
}

export function curl(job, names) {
  const { files, given, styles, regions, styleId } = parts(job, names);
  const fields = [["kind", job.kind], ...files.map(([field, name]) => [field, `@${name}`])];
  if (styleId) fields.push(["style_id", styleId]);
  for (const [key, value] of given) fields.push([key, told(value)]);
  if (styles.length) fields.push(["styles", told(styles)]);
  if (regions.length) fields.push(["regions", told(regions)]);
  return `curl ${fields.map(([key, value]) => `-F ${quote(`${key}=${value}`)}`).join(" ")} ${location.origin}/v1/jobs`;
}

export function cli(job, names) {
  const { files, given, styles, regions, styleId } = parts(job, names);
  const file = Object.fromEntries(files);
  const words = ["atelier", job.kind === "video" ? "submit-video" : "submit", file.content];
  if (file.style) words.push(file.style);
  if (styleId) words.push("--style-id", styleId);
  // The command counts files first, then styles of the gallery.
  const ordered = [...styles.filter((each) => each.file), ...styles.filter((each) => each.style_id)];
  for (const each of ordered) words.push(...(each.file ? ["--style", file[each.file]] : ["--style-id", each.style_id]));
  if (ordered.length) words.push("--weights", ordered.map(({ weight }) => weight).join(","));
  for (const { mask, file: own, style_id: id, alpha, feather } of regions) {
    const said = [`mask=${file[mask]}`, own && `style=${file[own]}`, id && `style_id=${id}`, alpha !== null && `alpha=${alpha}`, feather && `feather=${feather}`];
    words.push("--region", said.filter(Boolean).join(","));
  }
  for (const [key, value] of given) {
    const option = `--${key.replaceAll("_", "-")}`;
    const listed = Array.isArray(value) && typeof value[0] !== "object";
    if (value === true) words.push(option);
    else if (value !== false) words.push(option, listed ? value.join(",") : told(value));
  }
  return [...words, "--url", location.origin, "--output", saved(job)].map(quote).join(" ");
}

const literal = (value) =>
  value === null || value === undefined ? "None" : value === true ? "True" : value === false ? "False"
    : Array.isArray(value) ? `[${value.map(literal).join(", ")}]`
    : typeof value === "object" ? `{${Object.entries(value).filter(([, each]) => each !== null).map(([key, each]) => `"${key}": ${literal(each)}`).join(", ")}}`
    : JSON.stringify(value);

export function python(job, names) {
  const { files, given, styles, regions, styleId } = parts(job, names);
  const [[, photo], ...others] = files;
  const style = others.find(([field]) => field === "style");
  const extra = others.filter(([field]) => field !== "style");
  const words = [`Path(${JSON.stringify(photo)})`];
  if (style) words.push(`style=Path(${JSON.stringify(style[1])})`);
  if (styleId) words.push(`style_id=${JSON.stringify(styleId)}`);
  if (extra.length) words.push(`named_files={${extra.map(([field, name]) => `"${field}": Path(${JSON.stringify(name)})`).join(", ")}}`);
  if (job.kind !== "stylize") words.push(`kind=${literal(job.kind)}`);
  for (const [key, value] of given) words.push(`${key}=${literal(value)}`);
  if (styles.length) words.push(`styles=${literal(styles)}`);
  if (regions.length) words.push(`regions=${literal(regions)}`);
  return [
    "from pathlib import Path", "", "from atelier import Client", "",
    `with Client(${JSON.stringify(location.origin)}) as atelier:`,
    "    job = atelier.submit(", ...words.map((word) => `        ${word},`), "    )",
    "    job = atelier.wait(job[\"id\"])",
    "    data, media_type = atelier.output(job[\"id\"])",
    `Path("${saved(job)}").write_bytes(data)`,
  ].join("\n");
}

/** Copies a recipe; where a page may not, shows it to be copied by hand. Answers whether it was copied. */
export async function copy(text) {
  const shown = document.getElementById("command");
  shown.textContent = text;
  try {
    await navigator.clipboard.writeText(text);
    shown.hidden = true;
    return true;
  } catch {
    shown.hidden = false;
    shown.focus();
    return false;
  }
}
