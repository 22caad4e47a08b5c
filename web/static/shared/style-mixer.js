// Style mixer: two to four styles at the corners of a field, a handle between them, and each share as a number.
import { byId, create } from "./dom.js";

const mixer = byId("mixer");
const CORNERS = {
  2: [
    [0, 0.5],
    [1, 0.5],
  ],
  3: [
    [0.5, 0],
    [0, 1],
    [1, 1],
  ],
  4: [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ],
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEY_STEP = 0.05;

let styles = [];
let shares = [];
let position = [0.5, 0.5];
let elements = null;

const clamp = (value) => Math.min(1, Math.max(0, value));
const corners = () => CORNERS[styles.length];

/** The shares at a position of the field; outside the triangle of three styles, at its nearest edge. */
function sharesAt([x, y]) {
  if (styles.length === 2) return [1 - x, x];
  if (styles.length === 4) return [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
  const top = 1 - y;
  const right = x - top / 2;
  const raw = [top, 1 - top - right, right].map((share) => Math.max(0, share));
  const sum = raw[0] + raw[1] + raw[2];
  return raw.map((share) => share / sum);
}

/** The position of given shares: the mean of the corners, weighted by them. */
const positionOf = (given) =>
  [0, 1].map((axis) => given.reduce((sum, share, n) => sum + share * corners()[n][axis], 0));
const sharesText = () => shares.map((share, n) => `${Math.round(share * 100)}% ${styles[n].title}`).join(", ");

function render(except = null) {
  elements.handle.style.setProperty("--x", position[0]);
  elements.handle.style.setProperty("--y", position[1]);
  elements.handle.setAttribute("aria-label", `The mixture: ${sharesText()}. Arrow keys move it.`);
  elements.numbers.forEach((number, n) => {
    if (number !== except) number.value = Math.round(shares[n] * 100);
  });
}

function moveTo(to) {
  shares = sharesAt(to.map(clamp));
  position = positionOf(shares);
  render();
  mixer.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Sets one share from its number field; the others are scaled to make room. */
function setShare(number, n) {
  const share = clamp(Number(number.value) / 100);
  const rest = 1 - shares[n];
  const count = styles.length - 1;
  const scaled = (each) => (rest > 0.001 ? (each * (1 - share)) / rest : (1 - share) / count);
  shares = shares.map((each, k) => (k === n ? share : scaled(each)));
  position = positionOf(shares);
  render(number);
}

function createField(handle) {
  const field = create("div", { className: "mixer-field" });
  field.dataset.corners = styles.length;
  for (const [n, [x, y]] of corners().entries()) {
    const image = create("img", { src: styles[n].src, alt: "", draggable: false });
    image.style.setProperty("--x", x);
    image.style.setProperty("--y", y);
    field.append(image);
  }
  field.append(handle);
  const drag = (event) => {
    const box = field.getBoundingClientRect();
    moveTo([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
  };
  field.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    handle.focus({ preventScroll: true, focusVisible: false });
    field.setPointerCapture(event.pointerId);
    drag(event);
  });
  field.addEventListener("pointermove", (event) => field.hasPointerCapture(event.pointerId) && drag(event));
  return field;
}

function createNumber(style, n) {
  const number = create("input", { type: "number", min: 0, max: 100, step: 5, inputMode: "numeric" });
  number.setAttribute("aria-label", `Share of ${style.title} in percent`);
  number.addEventListener("input", () => setShare(number, n));
  number.addEventListener("change", () => render());
  return number;
}

function build() {
  const handle = create("button", { type: "button", className: "mixer-handle", id: "mixer-handle" });
  handle.addEventListener("keydown", (event) => {
    const [dx, dy] = ARROWS[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    moveTo([position[0] + dx * KEY_STEP, position[1] + dy * KEY_STEP]);
  });
  const numbers = styles.map(createNumber);
  const rows = styles.map((style, n) =>
    create("label", {}, create("span", { textContent: style.title }), numbers[n], "%"),
  );
  mixer.replaceChildren(createField(handle), create("div", { className: "shares" }, ...rows));
  elements = { handle, numbers };
}

/** Shows the mixer for two to four styles, in equal shares or in those given; hides it for one. */
export function showMixer(selected, given = null) {
  const same = selected.length === styles.length && selected.every((style, n) => style.value === styles[n].value);
  styles = selected;
  mixer.hidden = styles.length < 2;
  if (mixer.hidden || (same && !given)) return;
  const sum = given?.reduce((total, share) => total + share, 0);
  shares = given ? given.map((share) => share / sum) : styles.map(() => 1 / styles.length);
  position = positionOf(shares);
  build();
  render();
}

/** Each style's share of the mixture, in their order, rounded to hundredths. */
export const weights = () => shares.map((share) => Math.round(share * 100) / 100);
