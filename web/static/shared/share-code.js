// "Copy as": the request of a job as a curl command, an `atelier` command, or a Python program.
import { byId } from "./dom.js";
import { styleOf } from "./style-gallery.js";

const quote = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

// Lists are sent as JSON; entries that are null are left out.
const asText = (value) =>
  typeof value === "object" ? JSON.stringify(value, (_, each) => (each === null ? undefined : each)) : String(value);

const SUFFIXES = { "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp" };

/** The name of the file that the code saves. Its suffix is that of the job's format, which the command follows. */
function outputName({ kind, params, outputs }) {
  if (kind !== "video") return `painting.${SUFFIXES[outputs?.[0]?.media_type] ?? "png"}`;
  return `painting.${params.format === "png" ? "zip" : params.format}`;
}

/** A job's inputs: files by field, the gallery's style, and the other parameters. */
function jobInputs(job, names) {
  const { styles = [], regions = [], ...rest } = job.params ?? {};
  const files = [["content", names.content ?? (job.kind === "video" ? "video.mp4" : "photo.jpg")]];
  const style = styleOf(job);
  const trained = Boolean(style?.network);
  // The server chooses the network that is tuned to the style again.
  const named = ["slim", "full"].includes(rest.network) || trained;
  const params = Object.entries(rest).filter(
    ([name, value]) => value !== null && value.length !== 0 && (name !== "network" || named),
  );
  if (!styles.length && !style) files.push(["style", names.style ?? "style.jpg"]);
  for (const name of [...styles, ...regions].flatMap(({ file, mask }) => [file, mask])) {
    if (name && !files.some(([field]) => field === name)) files.push([name, `${name}.png`]);
  }
  return { files, params, styles, regions, styleId: !styles.length && !trained ? style?.id : null };
}

export function curl(job, names) {
  const { files, params, styles, regions, styleId } = jobInputs(job, names);
  const fields = [["kind", job.kind], ...files.map(([field, name]) => [field, `@${name}`])];
  if (styleId) fields.push(["style_id", styleId]);
  for (const [key, value] of params) fields.push([key, asText(value)]);
  if (styles.length) fields.push(["styles", asText(styles)]);
  if (regions.length) fields.push(["regions", asText(regions)]);
  return `curl ${fields.map(([key, value]) => `-F ${quote(`${key}=${value}`)}`).join(" ")} ${location.origin}/v1/jobs`;
}

export function cli(job, names) {
  const { files, params, styles, regions, styleId } = jobInputs(job, names);
  const file = Object.fromEntries(files);
  const words = ["atelier", job.kind === "video" ? "submit-video" : "submit", file.content];
  if (file.style) words.push(file.style);
  if (styleId) words.push("--style-id", styleId);
  // The command counts files first, then styles of the gallery.
  const ordered = [...styles.filter((each) => each.file), ...styles.filter((each) => each.style_id)];
  for (const each of ordered) words.push(...(each.file ? ["--style", file[each.file]] : ["--style-id", each.style_id]));
  if (ordered.length) words.push("--weights", ordered.map(({ weight }) => weight).join(","));
  for (const { mask, file: own, style_id: id, alpha, feather } of regions) {
    const fields = [
      `mask=${file[mask]}`,
      own && `style=${file[own]}`,
      id && `style_id=${id}`,
      alpha !== null && `alpha=${alpha}`,
      feather && `feather=${feather}`,
    ];
    words.push("--region", fields.filter(Boolean).join(","));
  }
  for (const [key, value] of params) {
    const option = `--${key.replaceAll("_", "-")}`;
    const isPlainList = Array.isArray(value) && typeof value[0] !== "object";
    if (value === true) words.push(option);
    else if (value !== false) words.push(option, isPlainList ? value.join(",") : asText(value));
  }
  return [...words, "--url", location.origin, "--output", outputName(job)].map(quote).join(" ");
}

/** A value as a Python literal; entries of objects that are null are left out. */
function literal(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, each]) => each !== null);
  return `{${entries.map(([key, each]) => `"${key}": ${literal(each)}`).join(", ")}}`;
}

export function python(job, names) {
  const { files, params, styles, regions, styleId } = jobInputs(job, names);
  const [[, content], ...others] = files;
  const path = (name) => `Path(${JSON.stringify(name)})`;
  const style = others.find(([field]) => field === "style");
  const extra = others.filter(([field]) => field !== "style");
  const words = [path(content)];
  if (style) words.push(`style=${path(style[1])}`);
  if (styleId) words.push(`style_id=${JSON.stringify(styleId)}`);
  if (extra.length) words.push(`named_files={${extra.map(([field, name]) => `"${field}": ${path(name)}`).join(", ")}}`);
  if (job.kind !== "stylize") words.push(`kind=${literal(job.kind)}`);
  for (const [key, value] of params) words.push(`${key}=${literal(value)}`);
  if (styles.length) words.push(`styles=${literal(styles)}`);
  if (regions.length) words.push(`regions=${literal(regions)}`);
  return [
    "from pathlib import Path",
    "",
    "from atelier import Client",
    "",
    `with Client(${JSON.stringify(location.origin)}) as atelier:`,
    "    job = atelier.submit(",
    ...words.map((word) => `        ${word},`),
    "    )",
    '    job = atelier.wait(job["id"])',
    '    data, media_type = atelier.output(job["id"])',
    `Path("${outputName(job)}").write_bytes(data)`,
  ].join("\n");
}

/** Copies text to the clipboard, or where that is not allowed shows it; answers whether it was copied. */
export async function copy(text) {
  const output = byId("command");
  output.textContent = text;
  try {
    await navigator.clipboard.writeText(text);
    output.hidden = true;
    return true;
  } catch {
    output.hidden = false;
    output.focus();
    return false;
  }
}
