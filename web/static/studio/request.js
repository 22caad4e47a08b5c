// What is asked for: the photo, the styles, the dials and the mask as one request of the API.
import { fields } from "./settings.js";
import { selection } from "../shared/style-gallery.js";

let region = () => null;

/** The mask is loaded only once somebody wants one. `ask` answers `{upload, style, alpha, feather}` or null. */
export const withRegion = (ask) => (region = ask);

async function reference(style, name, body) {
  if (style.id) return { style_id: style.id };
  body[name] = { upload: await style.picture.upload() };
  return { file: name };
}

async function painted(styles, body) {
  const [one] = styles;
  if (styles.length > 1) {
    const pad = await import("../shared/style-mixer.js");
    pad.show(styles);
    const shares = pad.weights();
    const mixed = styles.map(async (style, n) => ({
      ...(await reference(style, `style_${n + 1}`, body)), weight: shares[n],
    }));
    return { styles: (await Promise.all(mixed)).filter(({ weight }) => weight > 0) };
  }
  if (one.network) return { network: one.network };
  if (one.id) body.style_id = one.id;
  else body.style = { upload: await one.picture.upload() };
  return {};
}

/** The request for a picture of `photo`; `changes` stand over what the dials say. */
export async function wish(photo, changes = {}, styles = selection()) {
  const body = {};
  const trained = styles.some(({ network }) => network);
  // A network that learnt one style paints all of the picture with it.
  const [upload, params, part] = await Promise.all([photo.upload(), painted(styles, body), trained ? null : region(photo)]);
  body.content = { upload };
  body.params = { ...fields(), ...params, ...changes };
  if (part) {
    body.part = { upload: part.upload };
    const { alpha, feather, style_id } = part;
    // The edge is so many pixels of the finished picture; a preview's is as much narrower as it is smaller.
    const scale = changes.size ? changes.size / part.long : 1;
    body.params.regions = [{ mask: "part", feather: Math.round(feather * scale * 10) / 10, ...(alpha !== null && { alpha }), ...(style_id && { style_id }) }];
  }
  return body;
}

/** The same for any strength: what the five strengths and the blends between them depend on. */
export const unlike = ({ params: { alpha, ...params }, ...body }) => JSON.stringify({ ...body, params });
