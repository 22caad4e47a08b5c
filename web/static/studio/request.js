// Request of a job: photo, styles, settings and mask as the JSON body of `POST /v1/jobs`.
import { selectedStyles } from "../shared/style-gallery.js";
import { addStyles } from "../shared/style-request.js";
import { readParams } from "./settings.js";

let region = () => null;

/** Registers the source of the mask's region, which is loaded only once the mask is opened. */
export const setRegionSource = (source) => (region = source);

/** The request for a picture of `photo`; `changes` replace parameters of the settings. */
export async function buildRequest(photo, changes = {}, styles = selectedStyles()) {
  const body = {};
  // A network of one style can't be masked.
  const masked = styles.some(({ network }) => network) ? null : region(photo);
  const [upload, styleParams, part] = await Promise.all([photo.upload(), addStyles(styles, body), masked]);
  body.content = { upload };
  body.params = { ...readParams(), ...styleParams, ...changes };
  if (part) {
    body.part = { upload: part.upload };
    const { alpha, feather, style_id } = part;
    // The soft edge is in pixels of the finished picture; a preview's is smaller in proportion.
    const scale = changes.size ? changes.size / part.longSide : 1;
    const entry = { mask: "part", feather: Math.round(feather * scale * 10) / 10 };
    body.params.regions = [{ ...entry, ...(alpha !== null && { alpha }), ...(style_id && { style_id }) }];
  }
  return body;
}

/** Cache key of a request without its strength: the same for previews that differ in strength alone. */
export const keyWithoutStrength = ({ params: { alpha, ...params }, ...body }) => JSON.stringify({ ...body, params });
