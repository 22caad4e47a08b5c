// Settings of the video page: strength, flicker reduction, colours, trim, size and format.
import { byId } from "../shared/dom.js";
import { showRangeValue } from "../shared/range-value.js";

const colours = [...document.querySelectorAll("input[name=color]")];
const secondsOf = (id) => (byId(id).value ? Number(byId(id).value) : null);

/** Writes the value of every range beside it. */
export function showValues() {
  const percent = (id) => `${Math.round(byId(id).value * 100)}%`;
  showRangeValue(byId("alpha"), byId("alpha").value === "0" ? "0%, the video itself" : percent("alpha"));
  showRangeValue(byId("temporal"), byId("temporal").value === "0" ? "off" : percent("temporal"));
  byId("size").disabled = byId("original").checked;
  showRangeValue(byId("size"), byId("original").checked ? "as the video" : `${byId("size").value} px`);
  byId("quality").disabled = ["png", "gif"].includes(byId("format").value);
  showRangeValue(byId("quality"), byId("quality").disabled ? "set by the format" : byId("quality").value);
}

/** The parameters of a job as the API names them; those that are not set are null. */
export const readParams = () => ({
  alpha: Number(byId("alpha").value),
  temporal: Number(byId("temporal").value),
  quality: Number(byId("quality").value),
  color: colours.find((each) => each.checked).value,
  format: byId("format").value,
  size: byId("original").checked ? null : Number(byId("size").value),
  start_s: secondsOf("start_s"),
  end_s: secondsOf("end_s"),
});

/** Sets the controls from a job's parameters. */
export function applyParams(params) {
  for (const id of ["alpha", "temporal", "size", "quality", "format"]) {
    if (params[id] !== undefined && params[id] !== null) byId(id).value = params[id];
  }
  for (const each of colours) each.checked = each.value === (params.color ?? "style");
  byId("original").checked = params.size === null;
  for (const id of ["start_s", "end_s"]) byId(id).value = params[id] || "";
  byId("trim").open = Boolean(params.start_s || params.end_s);
  showValues();
}
