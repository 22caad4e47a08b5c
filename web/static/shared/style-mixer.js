// The mixing pad: two to four styles at its corners, a knob between them, and each share as a number.

const pad = document.getElementById("pad");
const CORNERS = { 2: [[0, 0.5], [1, 0.5]], 3: [[0.5, 0], [0, 1], [1, 1]], 4: [[0, 0], [1, 0], [0, 1], [1, 1]] };
const STEP = 0.05;

let styles = [];
let shares = [];
let spot = [0.5, 0.5];
let parts = null;

const within = (value) => Math.min(1, Math.max(0, value));
const corners = () => CORNERS[styles.length];

/** The shares at a place of the pad; outside a triangle, at its nearest edge. */
function sharesAt([x, y]) {
  if (styles.length === 2) return [1 - x, x];
  if (styles.length === 4) return [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
  const top = 1 - y;
  const right = x - top / 2;
  const raw = [top, 1 - top - right, right].map((share) => Math.max(0, share));
  const sum = raw[0] + raw[1] + raw[2];
  return raw.map((share) => share / sum);
}

const spotOf = (of) => [0, 1].map((axis) => of.reduce((sum, share, n) => sum + share * corners()[n][axis], 0));
const told = () => shares.map((share, n) => `${Math.round(share * 100)}% ${styles[n].title}`).join(", ");

function render(except = null) {
  parts.knob.style.setProperty("--x", spot[0]);
  parts.knob.style.setProperty("--y", spot[1]);
  parts.knob.setAttribute("aria-label", `The mixture: ${told()}. Arrow keys move it.`);
  parts.numbers.forEach((number, n) => {
    if (number !== except) number.value = Math.round(shares[n] * 100);
  });
}

function move(to) {
  shares = sharesAt(to.map(within));
  spot = spotOf(shares);
  render();
  pad.dispatchEvent(new Event("input", { bubbles: true }));
}

/** A share as a number; the others make room in their own proportions. */
function type(number, n) {
  const share = within(Number(number.value) / 100);
  const others = 1 - shares[n];
  const count = styles.length - 1;
  shares = shares.map((each, k) => (k === n ? share : others > 0.001 ? (each * (1 - share)) / others : (1 - share) / count));
  spot = spotOf(shares);
  render(number);
}

function drag(event) {
  const box = parts.field.getBoundingClientRect();
  move([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
}

function build() {
  const field = document.createElement("div");
  const knob = document.createElement("button");
  field.className = "pad-field";
  field.dataset.corners = styles.length;
  Object.assign(knob, { type: "button", className: "knob", id: "knob" });
  for (const [n, [x, y]] of corners().entries()) {
    const image = document.createElement("img");
    Object.assign(image, { src: styles[n].src, alt: "", draggable: false });
    image.style.setProperty("--x", x);
    image.style.setProperty("--y", y);
    field.append(image);
  }
  field.append(knob);
  const list = document.createElement("div");
  list.className = "shares";
  const numbers = styles.map((style, n) => {
    const row = document.createElement("label");
    const number = document.createElement("input");
    const name = document.createElement("span");
    name.textContent = style.title;
    Object.assign(number, { type: "number", min: 0, max: 100, step: 5, inputMode: "numeric" });
    number.setAttribute("aria-label", `Share of ${style.title} in percent`);
    number.addEventListener("input", () => type(number, n));
    number.addEventListener("change", () => render());
    row.append(name, number, "%");
    list.append(row);
    return number;
  });
  knob.addEventListener("keydown", (event) => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    move([spot[0] + dx * STEP, spot[1] + dy * STEP]);
  });
  field.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    knob.focus({ preventScroll: true, focusVisible: false });
    field.setPointerCapture(event.pointerId);
    drag(event);
  });
  field.addEventListener("pointermove", (event) => field.hasPointerCapture(event.pointerId) && drag(event));
  pad.replaceChildren(field, list);
  parts = { field, knob, numbers };
}

/** Shows the pad for two to four styles, in equal shares or in those given; hides it for one. */
export function show(wanted, given = null) {
  const same = wanted.length === styles.length && wanted.every((style, n) => style.value === styles[n].value);
  styles = wanted;
  pad.hidden = styles.length < 2;
  if (pad.hidden || (same && !given)) return;
  const sum = given?.reduce((total, share) => total + share, 0);
  shares = given ? given.map((share) => share / sum) : styles.map(() => 1 / styles.length);
  spot = spotOf(shares);
  build();
  render();
}

/** Each style's share of the mixture, in their order, in hundredths. */
export const weights = () => shares.map((share) => Math.round(share * 100) / 100);
