// What the settings would give: a small preview after every change, and five strengths side by side.
import { Away } from "../shared/api.js";
import { setStrength, strength } from "./settings.js";
import * as easel from "./canvas.js";
import { selection } from "../shared/style-gallery.js";
import { RANK, preview } from "./preview-queue.js";
import { unlike, wish } from "./request.js";

const SIDE = 384;
const STRENGTHS = [0.2, 0.4, 0.6, 0.8, 1];
const REST = 160;

const strip = document.getElementById("strip");
const buttons = [...strip.querySelectorAll("button")];
let photo = null;
let timer = 0;
let wanted = new AbortController();
let five = { of: null, urls: null };
let tell = () => {};

/** `say` is called with a sentence about the preview, or with an error. */
export const onWord = (say) => (tell = say);

function marked() {
  for (const button of buttons) button.setAttribute("aria-pressed", String(Number(button.dataset.alpha) === strength()));
}

/** Between two of the five strengths lies, roughly, a blend of their pictures: shown at once, made exactly after. */
function blend() {
  const alpha = strength();
  if (!five.urls) return false;
  const upper = STRENGTHS.findIndex((each) => each >= alpha - 1e-9);
  const low = upper > 0 ? STRENGTHS[upper - 1] : 0;
  const share = (alpha - low) / (STRENGTHS[upper] - low);
  const under = upper > 0 ? five.urls[upper - 1] : photo.url;
  if (share > 0.999) easel.showPreview(five.urls[upper], { exact: true });
  else easel.showPreview(under, { over: five.urls[upper], share, exact: false });
  return share > 0.999;
}

async function look(signal) {
  if (!photo || !selection().length) return;
  try {
    const body = await wish(photo, { size: SIDE, format: "jpeg", quality: 90 });
    if (signal.aborted) return;
    const of = unlike(body);
    if (five.of !== of) five = { of, urls: null };
    // The five strengths hold it already, to the pixel.
    const ready = five.urls?.[STRENGTHS.indexOf(body.params.alpha)];
    const [url] = ready ? [ready] : await preview(body, RANK.easel, signal);
    if (signal.aborted) return;
    await easel.showPreview(url);
    tell("preview");
    if (!five.urls) await spread(body, of, signal);
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    if (!(error instanceof Away)) tell(error);
  }
}

async function spread(body, of, signal) {
  const { alpha, ...params } = body.params;
  strip.setAttribute("aria-busy", "true");
  strip.hidden = false;
  const urls = await preview({ ...body, params: { ...params, alphas: STRENGTHS } }, RANK.strip, signal);
  if (signal.aborted || five.of !== of) return;
  five.urls = urls;
  buttons.forEach((button, n) => (button.querySelector("img").src = urls[n]));
  strip.removeAttribute("aria-busy");
  marked();
}

/** Something changed: a preview follows once the hand rests. `dragging` blends at once what is at hand. */
export function changed({ dragging = false, rest = REST } = {}) {
  marked();
  clearTimeout(timer);
  wanted.abort();
  wanted = new AbortController();
  if (!photo) return;
  if (dragging) blend();
  const { signal } = wanted;
  timer = setTimeout(() => look(signal), rest);
}

/** Another photo, or none: nothing of the last one is shown any more. */
export function of(picture) {
  photo = picture;
  five = { of: null, urls: null };
  strip.hidden = true;
  for (const button of buttons) button.querySelector("img").removeAttribute("src");
  rest();
}

/** No preview for now: something better is on its way. */
export function rest() {
  clearTimeout(timer);
  wanted.abort();
}

for (const button of buttons) button.addEventListener("click", () => setStrength(button.dataset.alpha));
marked();
