// Retries while the server is unreachable: shows a banner once, and goes on by itself when it is back.
import { UnreachableError, checkHealth } from "./api.js";
import { byId } from "./dom.js";

const banner = byId("offline");
const pause = (ms) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    addEventListener("online", () => (clearTimeout(timer), resolve()), { once: true });
  });
let waiting = null;

async function pollHealth() {
  banner.textContent = "The server can’t be reached. Your work is safe; this page goes on when it is back.";
  banner.hidden = false;
  for (let delay = 1000; ; delay = Math.min(delay * 1.6, 8000)) {
    await pause(delay);
    try {
      await checkHealth();
      break;
    } catch {
      // Still unreachable, or not healthy yet.
    }
  }
  banner.hidden = true;
}

/** Resolves once the server is healthy; callers that wait together share one poll. */
export const untilReachable = () => (waiting ??= pollHealth().finally(() => (waiting = null)));

/** Repeats `act` while it throws `UnreachableError`, at most `tries` times; any other outcome is the answer. */
export async function withRetry(act, tries = Infinity) {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof UnreachableError) || (tries -= 1) <= 0) throw error;
      await untilReachable();
    }
  }
}
