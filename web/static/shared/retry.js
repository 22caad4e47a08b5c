// Patience while the server is away: says so once, and goes on by itself when it is back.
import { Away, healthy } from "./api.js";

const banner = document.getElementById("away");
const rest = (ms) =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    addEventListener("online", () => (clearTimeout(timer), done()), { once: true });
  });
let returning = null;

async function wait() {
  banner.textContent = "The server can’t be reached. Your work is safe; this page goes on when it is back.";
  banner.hidden = false;
  for (let pause = 1000; ; pause = Math.min(pause * 1.6, 8000)) {
    await rest(pause);
    try {
      await healthy();
      break;
    } catch {
      // Still away, or not well yet.
    }
  }
  banner.hidden = true;
}

/** Answers once the server does; callers who wait together wait once. */
export const back = () => (returning ??= wait().finally(() => (returning = null)));

/** Repeats `attempt` until somebody answers, be it with a refusal. */
export async function persist(attempt, tries = Infinity) {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Away) || (tries -= 1) <= 0) throw error;
      await back();
    }
  }
}
