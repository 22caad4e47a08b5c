// The loss curves: a chart of our own, in SVG, on a logarithmic scale, because losses fall by ratios.

const NS = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [640, 220];
const EDGE = { left: 44, right: 8, top: 8, bottom: 24 };
const NAMES = ["total", "content", "style"];

const svg = document.getElementById("curves");
const legend = document.getElementById("legend");
const chart = document.getElementById("chart");

function draw(tag, attributes, words) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (words !== undefined) element.textContent = words;
  svg.append(element);
  return element;
}

const short = (value) => (value >= 1000 || value < 0.01 ? value.toExponential(0) : Number(value.toPrecision(2)).toString());

/** As many points as pixels tell apart, each the mean of those that fall together. */
function thinned(points, most = 320) {
  if (points.length <= most) return points;
  const size = Math.ceil(points.length / most);
  return Array.from({ length: Math.ceil(points.length / size) }, (_, n) => {
    const part = points.slice(n * size, (n + 1) * size);
    const mean = (name) => part.reduce((sum, each) => sum + (each[name] ?? 0), 0) / part.length;
    return { step: part[part.length - 1].step, ...Object.fromEntries(NAMES.map((name) => [name, mean(name)])) };
  });
}

/** Draws `[{step, total, content, style}]` up to the step `last`. */
export function plot(losses, last) {
  chart.hidden = losses.length < 2;
  svg.replaceChildren();
  if (chart.hidden) return;
  const points = thinned(losses);
  const values = points.flatMap((point) => NAMES.map((name) => point[name])).filter((value) => value > 0);
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values) * 1.05)];
  const x = (step) => EDGE.left + ((WIDTH - EDGE.left - EDGE.right) * step) / Math.max(last, 1);
  const y = (value) => {
    const share = (Math.log10(Math.max(value, 1e-12)) - low) / Math.max(high - low, 0.01);
    return HEIGHT - EDGE.bottom - (HEIGHT - EDGE.top - EDGE.bottom) * Math.max(0, share);
  };
  for (let n = 0; n <= 3; n += 1) {
    const value = 10 ** (low + ((high - low) * n) / 3);
    draw("line", { class: "rule", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(value), y2: y(value) });
    draw("text", { x: EDGE.left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value));
  }
  for (const step of [0, last / 2, last]) {
    const anchor = step === 0 ? "start" : step === last ? "end" : "middle";
    draw("text", { x: x(step), y: HEIGHT - 6, "text-anchor": anchor }, step ? String(Math.round(step)) : "step 0");
  }
  for (const name of NAMES) {
    const path = points.filter((point) => point[name] > 0).map((point, n) => `${n ? "L" : "M"}${x(point.step).toFixed(1)} ${y(point[name]).toFixed(1)}`);
    draw("path", { class: `curve ${name}`, d: path.join(""), "data-points": path.length });
  }
  const [first, end] = [losses[0], losses[losses.length - 1]];
  svg.setAttribute("aria-label", `Loss by step: total from ${short(first.total)} at step ${first.step} to ${short(end.total)} at step ${end.step}`);
  legend.replaceChildren(...NAMES.map((name) => {
    const key = document.createElement("span");
    key.className = `key ${name}`;
    key.textContent = `${name} ${short(end[name])}`;
    return key;
  }));
}
