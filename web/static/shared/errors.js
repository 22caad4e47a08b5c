// The one place for what went wrong: a sentence above the button that was pressed.
import { Refusal } from "./api.js";
import { persist } from "./retry.js";

const notice = document.getElementById("notice");

/** Says a sentence, or with an empty one takes the last away. */
export function complain(sentence) {
  notice.textContent = sentence;
  notice.hidden = !sentence;
}

/** What `act` answers; null after a refusal, which is told. Nothing else is expected. */
export async function attempt(act) {
  try {
    return await persist(act);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    complain(error.message.replace(/^(?:style|file) \((.+?)\) /, "$1 "));
    return null;
  }
}
