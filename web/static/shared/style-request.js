// Styles of a request: the fields of the JSON body of `POST /v1/jobs` that name one style or a mixture.

/** A style's reference in `styles`: its id, or the name of an upload that is added to `body`. */
async function styleReference(style, name, body) {
  if (style.id) return { style_id: style.id };
  body[name] = { upload: await style.picture.upload() };
  return { file: name };
}

/** Adds the styles to `body`; answers the parameters that name them. */
export async function addStyles(styles, body) {
  const [first] = styles;
  if (styles.length > 1) {
    const mixer = await import("./style-mixer.js");
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
