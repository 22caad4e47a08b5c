// The live contact sheet: every style's tile shows one's own photo, painted small, the visible ones first.
import { tiles } from "../shared/style-gallery.js";
import { RANK, preview } from "./preview-queue.js";
import { wish } from "./request.js";

const SIDE = 192;
const box = document.getElementById("sheet");
let photo = null;
let turn = new AbortController();

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    paint(target, turn.signal);
  }
}, { rootMargin: "80px" });

async function paint(tile, signal) {
  const style = tiles().find((each) => each.box === tile)?.style;
  if (!style || !photo) return;
  try {
    // Strokes are those of a picture of 512 pixels, which is quick and still tells one style from another.
    const body = await wish(photo, { size: SIDE, ...(!style.network && { stroke: 2 }), format: "jpeg", quality: 85 }, [style]);
    delete body.part;
    delete body.params.regions;
    if (style.network) delete body.params.stroke;
    const [url] = await preview({ ...body, params: { ...body.params, alpha: 0.8 } }, RANK.sheet, signal);
    if (signal.aborted) return;
    tile.querySelector("img").src = url;
    tile.classList.add("mine");
  } catch {
    // A tile that keeps its style's own picture says enough.
  }
}

function stop() {
  turn.abort();
  turn = new AbortController();
  seen.disconnect();
  for (const { style, box: tile } of tiles()) {
    if (!tile.classList.contains("mine")) continue;
    tile.classList.remove("mine");
    tile.querySelector("img").src = style.src;
  }
}

function start() {
  stop();
  if (!box.checked || !photo) return;
  for (const { box: tile } of tiles()) seen.observe(tile);
}

/** The photo that the tiles shall show. */
export function of(picture) {
  photo = picture;
  start();
}

/** Tiles have come or gone. */
export const again = start;

box.addEventListener("change", start);
