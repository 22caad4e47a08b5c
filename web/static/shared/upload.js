// Upload of large files with progress: posts a form as a job by XMLHttpRequest, as `fetch` reports no progress.
import { ApiError, UnreachableError } from "./api.js";

/** Posts a form as a job; `onProgress` gets the share that was sent, 0 to 1. One `key` makes one job. */
export function submitForm(body, key, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/jobs");
    request.responseType = "json";
    request.setRequestHeader("Idempotency-Key", key);
    request.upload.addEventListener("progress", ({ loaded, total }) => total && onProgress(loaded / total));
    request.addEventListener("load", () => {
      const { status, response } = request;
      if (status < 300 && response) return resolve(response);
      // A gateway in front of a stopped server answers with a body that is not JSON.
      if (!response && status >= 502) return reject(new UnreachableError());
      reject(new ApiError(response ?? {}, status, Number(request.getResponseHeader("Retry-After")) || 0));
    });
    request.addEventListener("error", () => reject(new UnreachableError()));
    request.addEventListener("abort", () => reject(new DOMException("The upload was given up", "AbortError")));
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}
