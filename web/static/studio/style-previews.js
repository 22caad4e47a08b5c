// "Try all": every style's tile shows the photo painted in that style, the visible tiles first.
import { byId } from "../shared/dom.js";
import { tiles } from "../shared/style-gallery.js";
import { RANK, requestPreview } from "../shared/preview-queue.js";
import { buildRequest } from "./request.js";

const SIDE = 192;
const tryAll = byId("try-all");
let photo = null;
let controller = new AbortController();

const observer = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      renderTile(target, controller.signal);
    }
  },
  { rootMargin: "80px" },
);

async function renderTile(tile, signal) {
  const style = tiles().find((each) => each.tile === tile)?.style;
  if (!style || !photo) return;
  try {
    // With the strokes of a picture of 512 pixels: quick, and wide enough to tell the styles apart.
    const body = await buildRequest(photo, { size: SIDE, stroke: 2, format: "jpeg", quality: 85 }, [style]);
    delete body.part;
    delete body.params.regions;
    const request = { ...body, params: { ...body.params, alpha: 0.8 } };
    const [url] = await requestPreview(request, RANK.gallery, signal);
    if (signal.aborted) return;
    tile.querySelector("img").src = url;
    tile.classList.add("own-photo");
  } catch {
    // The tile keeps the style's own picture.
  }
}

function stop() {
  controller.abort();
  controller = new AbortController();
  observer.disconnect();
  for (const { style, tile } of tiles()) {
    if (!tile.classList.contains("own-photo")) continue;
    tile.classList.remove("own-photo");
    tile.querySelector("img").src = style.src;
  }
}

function start() {
  stop();
  if (!tryAll.checked || !photo) return;
  for (const { tile } of tiles()) observer.observe(tile);
}

/** Sets the photo that the tiles show. */
export function setPhoto(picture) {
  photo = picture;
  start();
}

/** Renders the tiles again after some were added or removed. */
export const refresh = start;

tryAll.addEventListener("change", start);
