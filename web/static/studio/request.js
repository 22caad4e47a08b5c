// Request of a job: photo, styles, settings and mask as the JSON body of `POST /v1/jobs`.
import { selectedStyles } from "../shared/style-gallery.js";
import { readParams } from "./settings.js";

let region = () => null;

/** Registers the source of the mask's region, which is loaded only once the mask is opened. */
export const setRegionSource = (source) => (region = source);

/** A style's reference in `styles`: its id, or the name of an upload that is added to `body`. */
async function styleReference(style, name, body) {
  if (style.id) return { style_id: style.id };
  body[name] = { upload: await style.picture.upload() };
  return { file: name };
}

/** Adds the styles to `body`; answers the parameters that name them. */
async function addStyles(styles, body) {
  const [first] = styles;
  if (styles.length > 1) {
    const mixer = await import("../shared/style-mixer.js");
    mixer.showMixer(styles);
    const shares = mixer.weights();
    const mixed = styles.map(async (style, n) => ({
      ...(await styleReference(style, `style_${n + 1}`, body)),
      weight: shares[n],
    }));
    return { styles: (await Promise.all(mixed)).filter(({ weight }) => weight > 0) };
  }
  if (first.network) return { network: first.network };
  if (first.id) body.style_id = first.id;
  else body.style = { upload: await first.picture.upload() };
  return {};
}

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
