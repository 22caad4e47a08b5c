// Networks of the live page: exported to ONNX by a job of the service, then fetched; paintings as pixels.
import { ApiError, fetchBlob, newIdempotencyKey, submitJob } from "../shared/api.js";
import { followJob } from "../shared/follow-job.js";
import { withRetry } from "../shared/reconnect.js";
import { pixelsOf } from "./frames.js";

/** Shorter side at which a painting's statistics are measured, in pixels. */
const PAINTING_SIDE = 384;

const files = new Map();
const paintings = new Map();

/** What a promise in `kept` resolves to; one that failed is made again the next time. */
function remember(kept, key, make) {
  if (!kept.has(key)) {
    const made = make().catch((error) => {
      kept.delete(key);
      throw error;
    });
    kept.set(key, made);
  }
  return kept.get(key);
}

async function exportNetwork(network, onStatus) {
  const key = newIdempotencyKey();
  const job = await withRetry(() => submitJob({ kind: "export", params: { network, format: "onnx" } }, key));
  const ended = await followJob(job, ({ status }) => onStatus(status), new AbortController().signal);
  if (ended.status !== "succeeded") {
    throw new ApiError({ detail: ended.error?.detail ?? "The export of the network was cancelled." }, 0);
  }
  onStatus("fetching");
  return (await withRetry(() => fetchBlob(ended.outputs[0].url))).arrayBuffer();
}

/**
 * The ONNX file of a network by its name. The service exports it once and keeps the file; `onStatus` gets the
 * status of the job, then "fetching". Throws `ApiError`.
 */
export const fetchNetwork = (network, onStatus) =>
  remember(files, network, () => exportNetwork(network, onStatus));

async function readPainting(id) {
  const blob = await withRetry(() => fetchBlob(`/v1/styles/${encodeURIComponent(id)}/image`));
  const picture = await createImageBitmap(blob);
  return pixelsOf(picture, picture.width, picture.height, PAINTING_SIDE);
}

/** The picture of a style, `{pixels, width, height}`. */
export const fetchPainting = (id) => remember(paintings, id, () => readPainting(id));
