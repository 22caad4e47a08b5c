// Sparkline: a small line chart without axes.

const NAMESPACE = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, MARGIN] = [120, 28, 3];

/** An SVG of `values`, from 0 to their maximum; `label` says the numbers to screen readers. */
export function sparkline(values, label, className) {
  const svg = document.createElementNS(NAMESPACE, "svg");
  const line = document.createElementNS(NAMESPACE, "polyline");
  const max = Math.max(1, ...values);
  const points = values.map((value, n) => {
    const x = MARGIN + ((WIDTH - 2 * MARGIN) * n) / Math.max(1, values.length - 1);
    const y = HEIGHT - MARGIN - ((HEIGHT - 2 * MARGIN) * value) / max;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  line.setAttribute("points", points.join(" "));
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("class", `sparkline ${className}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.append(line);
  return svg;
}
