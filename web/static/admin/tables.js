// Table rows of the operators' page.
import { create } from "../shared/dom.js";
import { shortDuration } from "../shared/duration.js";

/** Time since an ISO time, in short: "40 s", "12 min". */
export const since = (time) => shortDuration(Math.max(0, Math.round((Date.now() - new Date(time)) / 1000)));

export const cell = (text, className = "") => create("td", { className }, text);

/** A row; its id and the text of its last cell, which has its button, are its key. */
export function row(id, ...cells) {
  const line = create("tr", {}, ...cells.map((each) => (each instanceof Node ? each : cell(each))));
  line.dataset.key = `${id} ${cells.at(-1).textContent}`;
  return line;
}

export const actionCell = (control) => create("td", { className: "actions-cell" }, control);

/** An existing row with the new texts; its last cell stays, with the button that may have the focus. */
function updateRow(existing, fresh) {
  if (!existing.dataset.key) return existing;
  [...fresh.children].slice(0, -1).forEach((each, n) => existing.children[n].replaceWith(each));
  return existing;
}

/** Replaces the children of `box`, but keeps elements with the same key, so that no click or focus is lost. */
export function replaceRows(box, ...nodes) {
  const keyOf = (node) => node.dataset.key ?? node.outerHTML;
  const existing = new Map([...box.children].map((child) => [keyOf(child), child]));
  nodes = nodes.map((node) => (existing.has(keyOf(node)) ? updateRow(existing.get(keyOf(node)), node) : node));
  const label = box.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  if (box.children.length === nodes.length && nodes.every((node, n) => box.children[n] === node)) return;
  box.replaceChildren(...nodes);
  const sameLabel = (each) => each.getAttribute("aria-label") === label;
  if (label) [...box.querySelectorAll("button")].find(sameLabel)?.focus();
}
