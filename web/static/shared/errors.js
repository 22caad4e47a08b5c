// Error notice above the submit button: the one place where a page shows what went wrong.
import { ApiError } from "./api.js";
import { byId } from "./dom.js";
import { withRetry } from "./reconnect.js";

const notice = byId("notice");

/** Shows a sentence; an empty one hides the notice. */
export function showError(sentence) {
  notice.textContent = sentence;
  notice.hidden = !sentence;
}

/** The result of `act`; after an `ApiError`, which is shown, null. Other errors are thrown. */
export async function tryOrShowError(act) {
  try {
    return await withRetry(act);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    showError(error.message.replace(/^(?:style|file) \((.+?)\) /, "$1 "));
    return null;
  }
}
