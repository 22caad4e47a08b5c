// The easel: nothing, the photo, or the painting over the photo with a seam to drag between them.

const at = (id) => document.getElementById(id);
const wall = at("wall");
const frame = at("frame");
const before = at("before");
const after = at("after");
const compare = at("compare");
const unpreviewed = at("unpreviewed");
let turn = 0;

const proportion = (width, height) => wall.style.setProperty("--ratio", width / height);

async function load(image, url) {
  image.src = url;
  try {
    await image.decode();
    return true;
  } catch {
    return false;
  }
}

function part(percent) {
  compare.value = percent;
  wall.style.setProperty("--seam", `${compare.value}%`);
  compare.setAttribute("aria-valuetext", `${compare.value}% photo, ${100 - compare.value}% painting`);
}

/** Puts a photo up; one that this browser cannot show may still be one that the server can use. */
export async function showPhoto(picture) {
  const mine = (turn += 1);
  after.removeAttribute("src");
  const shown = await load(before, picture.url);
  if (mine !== turn) return;
  if (shown) proportion(before.naturalWidth, before.naturalHeight);
  unpreviewed.textContent = shown ? "" : `No preview of ${picture.name}`;
  wall.dataset.state = shown ? "photo" : "unpreviewed";
}

/** Hangs the painting over the photo, once it is all there. Answers whether it could be shown. */
export async function showPainting(output, photo) {
  const mine = (turn += 1);
  const [shown, comparable] = await Promise.all([
    load(after, output.url),
    // The same photo is already up when the job began on this page.
    before.src === new URL(photo?.url ?? "", location).href ? true : photo && load(before, photo.url),
  ]);
  if (mine !== turn || !shown) return shown;
  proportion(output.width, output.height);
  part(100);
  wall.dataset.state = comparable ? "compared" : "painting";
  // From the photo to half and half: the painting is drawn across in front of one's eyes.
  requestAnimationFrame(() => requestAnimationFrame(() => part(50)));
  return shown;
}

/** Takes everything down: for an invitation, or for a picture that is still on its way. */
export function clear(state = "empty") {
  turn += 1;
  wall.dataset.state = state;
}

compare.addEventListener("input", () => part(compare.value));

// The whole picture is the handle; the range below it serves keyboards and screen readers.
function drag(event) {
  const box = frame.getBoundingClientRect();
  part(Math.round(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * 100));
}
frame.addEventListener("pointerdown", (event) => {
  if (wall.dataset.state !== "compared" || event.button !== 0) return;
  frame.setPointerCapture(event.pointerId);
  frame.classList.add("held");
  compare.focus({ preventScroll: true, focusVisible: false });
  // A finger may only be about to scroll: it counts once it moves sideways or taps.
  if (event.pointerType === "touch") return;
  event.preventDefault();
  drag(event);
});
frame.addEventListener("pointermove", (event) => {
  if (frame.hasPointerCapture(event.pointerId)) drag(event);
});
frame.addEventListener("click", (event) => {
  // Arrow keys make no clicks, but a screen reader may, and it points nowhere.
  if (wall.dataset.state === "compared" && event.detail > 0) drag(event);
});
frame.addEventListener("lostpointercapture", () => frame.classList.remove("held"));
