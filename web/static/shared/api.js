// The public API, and nothing else: whatever this page can do, any program can do.

/** The server understood and said no: a sentence for people, and which part it is about. */
export class Refusal extends Error {
  constructor(problem, status, patience = 0) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? "";
    this.patience = patience;
    this.pointers = (problem.errors ?? []).map((error) => String(error.pointer ?? ""));
  }
}

/** Nobody answered: the server, or the way to it, is away. */
export class Away extends Error {}

export async function ask(path, options = {}, read = (response) => response.json()) {
  try {
    const response = await fetch(path, options);
    if (response.ok) return await read(response);
    const told = (response.headers.get("Content-Type") ?? "").includes("json");
    const problem = told ? await response.json() : {};
    // A gateway in front of a stopped server answers in its own words; and what is only asked for,
    // not sent, can wait until a busy server has time.
    const passing = [502, 503, 504].includes(response.status) || response.status === 429;
    if (passing && !(told && options.method === "POST")) throw new Away();
    throw new Refusal(problem, response.status, Number(response.headers.get("Retry-After")) || 0);
  } catch (error) {
    // fetch, and reading a body that breaks off, both throw a TypeError.
    if (error instanceof TypeError) throw new Away();
    throw error;
  }
}

/** By it previews are told from pictures that somebody asked for. */
export const PREVIEW_PRIORITY = 61;

const nothing = () => null;
const at = (id) => `/v1/jobs/${encodeURIComponent(id)}`;
const post = (path, options) => ask(path, { method: "POST", ...options });

export const healthy = () => ask("/healthz", { cache: "no-store" }, () => true);
export const bytes = (url) => ask(url, {}, (response) => response.blob());

export const jobs = (kind, cursor) =>
  ask(`/v1/jobs?limit=30&kind=${kind}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
export const job = (id, signal) => ask(at(id), { signal, cache: "no-store" });
export const cancel = (id) => post(`${at(id)}/cancel`);
export const retry = (id) => post(`${at(id)}/retry`);
export const remove = (id) => ask(at(id), { method: "DELETE" }, nothing);

/** Sends a job. The same `key` twice makes one job, so that a broken connection is safe to try again. */
export const submit = (body, key, wait = 0) =>
  post("/v1/jobs", {
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "Idempotency-Key": key, ...(wait && { Prefer: `wait=${wait}` }) },
  });

function form(fields) {
  const body = new FormData();
  for (const [name, ...value] of fields) body.set(name, ...value);
  return { body };
}

export const upload = (blob, name) => post("/v1/uploads", form([["file", blob, name]]));
export const styles = async () => (await ask("/v1/styles")).styles;
export const addStyle = (blob, name, title) => post("/v1/styles", form([["file", blob, name], ["title", title]]));
export const removeStyle = (id) => ask(`/v1/styles/${encodeURIComponent(id)}`, { method: "DELETE" }, nothing);

/** The trained networks; none where the server knows of none. */
export async function networks() {
  try {
    return (await ask("/v1/networks")).items ?? [];
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}

/** A key that nobody else has. crypto.randomUUID is for https alone, and a studio may be on the local network. */
export const freshKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
