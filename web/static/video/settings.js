// The dials of the video page: strength, calm, colours, the stretch that is painted, size and file.
import { say } from "../shared/range-label.js";

const at = (id) => document.getElementById(id);
const colours = [...document.querySelectorAll("input[name=color]")];
const second = (id) => (at(id).value ? Number(at(id).value) : null);

/** What the dials stand at, in words. */
export function words() {
  const percent = (id) => `${Math.round(at(id).value * 100)}%`;
  say(at("alpha"), at("alpha").value === "0" ? "0%, the video itself" : percent("alpha"));
  say(at("temporal"), at("temporal").value === "0" ? "0%, each frame for itself" : percent("temporal"));
  at("size").disabled = at("original").checked;
  say(at("size"), at("original").checked ? "as the video" : `${at("size").value} px`);
  at("quality").disabled = ["png", "gif"].includes(at("format").value);
  say(at("quality"), at("quality").disabled ? "as the format has it" : at("quality").value);
}

/** The parameters of a job as the API names them; what is left out is null. */
export const fields = () => ({
  alpha: Number(at("alpha").value), temporal: Number(at("temporal").value), quality: Number(at("quality").value),
  color: colours.find((each) => each.checked).value, format: at("format").value,
  size: at("original").checked ? null : Number(at("size").value), start_s: second("start_s"), end_s: second("end_s"),
});

/** Puts the dials where an earlier job had them. */
export function turn(params) {
  for (const id of ["alpha", "temporal", "size", "quality", "format"]) if (params[id] !== undefined && params[id] !== null) at(id).value = params[id];
  for (const each of colours) each.checked = each.value === (params.color ?? "style");
  at("original").checked = params.size === null;
  for (const id of ["start_s", "end_s"]) at(id).value = params[id] || "";
  at("stretch").open = Boolean(params.start_s || params.end_s);
  words();
}
