// What the tables of the operator's page are made of.

export function make(tag, words = "", extra = {}) {
  const element = document.createElement(tag);
  element.textContent = words;
  return Object.assign(element, extra);
}

export const since = (time) => {
  const seconds = Math.max(0, (Date.now() - new Date(time)) / 1000);
  return seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
};

/** A row whose last cell holds its button, by which it is known again. */
export function row(id, ...cells) {
  const line = document.createElement("tr");
  line.dataset.key = `${id} ${cells.at(-1).textContent}`;
  line.append(...cells.map((cell) => (cell instanceof Node ? cell : make("td", cell))));
  return line;
}

export function action(control) {
  const cell = make("td", "", { className: "act-cell" });
  cell.append(control);
  return cell;
}
