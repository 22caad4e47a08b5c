// Loss chart: an SVG line chart on a logarithmic scale, because losses fall by ratios.
import { byId, create } from "../shared/dom.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [640, 220];
const MARGIN = { left: 44, right: 8, top: 8, bottom: 24 };
const NAMES = ["total", "content", "style"];

const svg = byId("loss-curves");
const legend = byId("legend");
const chart = byId("chart");

function draw(tag, attributes, text) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  svg.append(element);
}

const formatLoss = (value) =>
  value >= 1000 || value < 0.01 ? value.toExponential(0) : Number(value.toPrecision(2)).toString();

/** Downsamples to at most `limit` points, each the mean of its neighbours, as a screen shows no more. */
function downsample(points, limit = 320) {
  if (points.length <= limit) return points;
  const size = Math.ceil(points.length / limit);
  return Array.from({ length: Math.ceil(points.length / size) }, (_, n) => {
    const group = points.slice(n * size, (n + 1) * size);
    const mean = (name) => group.reduce((sum, each) => sum + (each[name] ?? 0), 0) / group.length;
    return { step: group.at(-1).step, ...Object.fromEntries(NAMES.map((name) => [name, mean(name)])) };
  });
}

function drawAxes(low, high, lastStep, x, y) {
  for (let n = 0; n <= 3; n += 1) {
    const value = 10 ** (low + ((high - low) * n) / 3);
    draw("line", { class: "rule", x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y(value), y2: y(value) });
    draw("text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, formatLoss(value));
  }
  for (const step of [0, lastStep / 2, lastStep]) {
    const anchor = step === 0 ? "start" : step === lastStep ? "end" : "middle";
    draw("text", { x: x(step), y: HEIGHT - 6, "text-anchor": anchor }, step ? String(Math.round(step)) : "step 0");
  }
}

/** Draws `[{step, total, content, style}]` up to the step `lastStep`; hides the chart below two points. */
export function drawLosses(losses, lastStep) {
  chart.hidden = losses.length < 2;
  svg.replaceChildren();
  if (chart.hidden) return;
  const points = downsample(losses);
  const values = points.flatMap((point) => NAMES.map((name) => point[name])).filter((value) => value > 0);
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values) * 1.05)];
  const x = (step) => MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * step) / Math.max(lastStep, 1);
  const y = (value) => {
    const share = (Math.log10(Math.max(value, 1e-12)) - low) / Math.max(high - low, 0.01);
    return HEIGHT - MARGIN.bottom - (HEIGHT - MARGIN.top - MARGIN.bottom) * Math.max(0, share);
  };
  drawAxes(low, high, lastStep, x, y);
  for (const name of NAMES) {
    const positive = points.filter((point) => point[name] > 0);
    const commands = positive.map(
      (point, n) => `${n ? "L" : "M"}${x(point.step).toFixed(1)} ${y(point[name]).toFixed(1)}`,
    );
    draw("path", { class: `curve ${name}`, d: commands.join(""), "data-points": commands.length });
  }
  const [first, last] = [losses[0], losses.at(-1)];
  const [start, end] = [first, last].map(({ total, step }) => `${formatLoss(total)} at step ${step}`);
  svg.setAttribute("aria-label", `Loss by step: total from ${start} to ${end}`);
  legend.replaceChildren(
    ...NAMES.map((name) =>
      create("span", { className: `key ${name}`, textContent: `${name} ${formatLoss(last[name])}` }),
    ),
  );
}
