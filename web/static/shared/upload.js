// Sending what is large: as the API's other calls, and telling how much has gone out.
import { Away, Refusal } from "./api.js";

/** Posts a form as a job; `onSent` hears the share that was sent. One `key` makes one job, however often it is sent. */
export function send(body, key, onSent, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/jobs");
    request.responseType = "json";
    request.setRequestHeader("Idempotency-Key", key);
    request.upload.addEventListener("progress", ({ loaded, total }) => total && onSent(loaded / total));
    request.addEventListener("load", () => {
      const { status, response } = request;
      if (status < 300 && response) return resolve(response);
      // A gateway in front of a stopped server answers in its own words.
      if (!response && status >= 502) return reject(new Away());
      reject(new Refusal(response ?? {}, status, Number(request.getResponseHeader("Retry-After")) || 0));
    });
    request.addEventListener("error", () => reject(new Away()));
    request.addEventListener("abort", () => reject(new DOMException("Not wanted any more", "AbortError")));
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}
