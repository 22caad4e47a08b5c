// The part that is treated differently. Its brush comes once somebody wants one.
const part = document.getElementById("part");
let mask = null;
let restored = false;

async function open() {
  const [brush, { withRegion }] = await Promise.all([import("./mask-brush.js"), import("./request.js")]);
  mask = brush;
  withRegion(mask.region);
}

/** Another photo has another part. */
export const unmask = () => mask?.reset();

/** What a job treated differently: where its mask is, and what was wanted there. */
export function partOf(job) {
  const [region] = job.params?.regions ?? [];
  const input = region && job.inputs.find(({ role }) => role === "mask_1");
  return input && { ...region, url: input.url };
}

/** A part that was treated differently before, as it was. */
export async function remask(before) {
  if (!before) return;
  await open();
  await mask.restore(before);
  restored = !part.open;
  part.open = true;
}

/** Calls `act` when the part begins or ceases to count. */
export function onPart(act) {
  part.addEventListener("toggle", () => {
    if (restored) restored = false;
    else if (part.open && !mask) open();
    else if (mask) act();
  });
}
