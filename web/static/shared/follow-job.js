// Following one job to its end, through reloads, restarts and broken connections.
import { job as fetchJob } from "./api.js";
import { persist } from "./retry.js";

export const isFinal = (job) => ["succeeded", "failed", "canceled"].includes(job.status);

// The queue's position is nobody's event, so a waiting job is asked after more often.
const patience = (job) => (job.status === "queued" ? 3000 : 10000);

/**
 * Calls `onChange` with the job as it goes on, from `job` as first known; answers with it when it has ended.
 * `also` names other events and who hears their data; after a broken connection some are told again.
 */
export async function follow(job, onChange, signal, also = {}) {
  const { id } = job;
  let source = null;
  // News that comes while the job is being fetched may be newer than the answer.
  let news = false;
  let rouse = () => {};
  const wake = () => {
    news = true;
    rouse();
  };
  signal.addEventListener("abort", wake);

  // Events are for liveness: progress is shown as it comes, the truth is always fetched.
  const listen = () => {
    source = new EventSource(job.urls?.events ?? `/v1/jobs/${encodeURIComponent(id)}/events`);
    source.addEventListener("progress", (event) => {
      Object.assign(job, JSON.parse(event.data));
      if (!signal.aborted) onChange(job);
    });
    source.addEventListener("state", wake);
    for (const [name, hear] of Object.entries(also)) {
      source.addEventListener(name, (event) => signal.aborted || hear(JSON.parse(event.data)));
    }
    // Not at once: a server that only answers with errors would be asked without rest.
    source.addEventListener("error", () => setTimeout(wake, 1000));
  };

  try {
    for (;;) {
      if (signal.aborted) return null;
      onChange(job);
      if (isFinal(job)) return job;
      // Closed for good is what an error answer leaves behind; a lost connection reconnects by itself.
      if (!source || source.readyState === EventSource.CLOSED) listen();
      const broken = source.readyState !== EventSource.OPEN;
      await new Promise((done) => {
        rouse = done;
        setTimeout(done, news ? 0 : broken ? 1500 : patience(job));
      });
      news = false;
      if (signal.aborted) return null;
      job = await persist(() => fetchJob(id, signal));
    }
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  } finally {
    source?.close();
  }
}
