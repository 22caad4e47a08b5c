// Following one job to its end by server-sent events, through reloads, restarts and broken connections.
import { getJob } from "./api.js";
import { withRetry } from "./reconnect.js";

export const isFinal = (job) => ["succeeded", "failed", "canceled"].includes(job.status);

// The position in the queue has no event, so a queued job is polled more often.
const pollInterval = (job) => (job.status === "queued" ? 3000 : 10000);

/**
 * Calls `onChange` with the job whenever it changes, from `job` as first known; resolves with the job when it
 * has ended, or with null once `signal` aborts. `handlers` maps names of other events to functions of their
 * data; after a broken connection some events arrive again.
 */
export async function followJob(job, onChange, signal, handlers = {}) {
  const { id } = job;
  let source = null;
  // An event that arrives while the job is being fetched may be newer than the answer.
  let stale = false;
  let wake = () => {};
  const refetch = () => {
    stale = true;
    wake();
  };
  signal.addEventListener("abort", refetch);

  // Events are for speed: progress is shown at once, the job itself is always fetched.
  const listen = () => {
    source = new EventSource(job.urls?.events ?? `/v1/jobs/${encodeURIComponent(id)}/events`);
    source.addEventListener("progress", (event) => {
      Object.assign(job, JSON.parse(event.data));
      if (!signal.aborted) onChange(job);
    });
    source.addEventListener("state", refetch);
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => signal.aborted || handle(JSON.parse(event.data)));
    }
    // After a pause: a server that answers every stream with an error must not be asked without end.
    source.addEventListener("error", () => setTimeout(refetch, 1000));
  };

  try {
    for (;;) {
      if (signal.aborted) return null;
      onChange(job);
      if (isFinal(job)) return job;
      // An error answer closes the source for good; after a lost connection it reconnects by itself.
      if (!source || source.readyState === EventSource.CLOSED) listen();
      const broken = source.readyState !== EventSource.OPEN;
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, stale ? 0 : broken ? 1500 : pollInterval(job));
      });
      stale = false;
      if (signal.aborted) return null;
      job = await withRetry(() => getJob(id, signal));
    }
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  } finally {
    source?.close();
  }
}
