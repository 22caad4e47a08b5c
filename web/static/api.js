// The public API, and nothing else: whatever this page can do, any program can do.

/** The server understood and said no: a sentence for people, and which part it is about. */
export class Refusal extends Error {
  constructor(problem, status) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? "";
    this.pointers = (problem.errors ?? []).map((error) => String(error.pointer ?? ""));
  }
}

/** Nobody answered: the server, or the way to it, is away. */
export class Away extends Error {}

async function ask(path, options = {}, read = (response) => response.json()) {
  try {
    const response = await fetch(path, options);
    if (response.ok) return await read(response);
    const told = (response.headers.get("Content-Type") ?? "").includes("json");
    const problem = told ? await response.json() : {};
    // A gateway in front of a stopped server answers in its own words; and what is only asked for,
    // not sent, can wait until a busy server has time.
    const passing = [502, 503, 504].includes(response.status) || response.status === 429;
    if (passing && !(told && options.method === "POST")) throw new Away();
    throw new Refusal(problem, response.status);
  } catch (error) {
    // fetch, and reading a body that breaks off, both throw a TypeError.
    if (error instanceof TypeError) throw new Away();
    throw error;
  }
}

export const healthy = () => ask("/healthz", { cache: "no-store" }, () => true);
export const styles = async () => (await ask("/v1/styles")).styles;
export const jobs = async () => (await ask("/v1/jobs?limit=12&kind=stylize")).jobs;
export const job = (id, signal) => ask(`/v1/jobs/${encodeURIComponent(id)}`, { signal, cache: "no-store" });
export const cancel = (id) => ask(`/v1/jobs/${encodeURIComponent(id)}/cancel`, { method: "POST" });
export const bytes = (url) => ask(url, {}, (response) => response.blob());

/** Sends a job. The same `key` twice makes one job, so that a broken connection is safe to try again. */
export const submit = (form, key) =>
  ask("/v1/jobs", { method: "POST", body: form, headers: { "Idempotency-Key": key } });
