// Session state in local storage: photo, styles and settings, so that a reload loses nothing.

const KEY = "atelier.session";

/** Stores `{photo: {id, name}, styles, weights, settings}`; fields that are undefined stay as they were. */
export function saveSession(changes) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...loadSession(), ...changes }));
  } catch {
    // Storage is full or off: the page works without it.
  }
}

export function loadSession() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}
