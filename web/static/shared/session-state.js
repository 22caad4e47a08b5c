// What is on the easel and in the hand, kept by the browser so that a reload loses nothing.

const KEY = "atelier.sitting";

/** Keeps `{photo: {id, name}, styles, weights, dials}`; what is undefined stays as it was. */
export function keep(changes) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...kept(), ...changes }));
  } catch {
    // A browser that keeps nothing has one comfort less.
  }
}

export function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}
