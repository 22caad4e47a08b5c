// Client of the public HTTP API. The pages use nothing else, so that any program can do what a page does.

/** The server answered with an error: a sentence for people, and the fields that it is about. */
export class ApiError extends Error {
  constructor(problem, status, retryAfter = 0) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? "";
    this.retryAfter = retryAfter;
    this.pointers = (problem.errors ?? []).map((error) => String(error.pointer ?? ""));
  }
}

/** No answer: the server, or the network on the way to it, is down. */
export class UnreachableError extends Error {}

/** Sends a request and parses the answer. Throws `ApiError` or `UnreachableError`. */
export async function request(path, options = {}, parse = (response) => response.json()) {
  try {
    const response = await fetch(path, options);
    if (response.ok) return await parse(response);
    const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
    const problem = isJson ? await response.json() : {};
    // A gateway in front of a stopped server answers 502 to 504 with a body of its own. A GET can wait
    // until a busy server has time; a POST that the service refused itself is reported.
    const transient = [502, 503, 504].includes(response.status) || response.status === 429;
    if (transient && !(isJson && options.method === "POST")) throw new UnreachableError();
    throw new ApiError(problem, response.status, Number(response.headers.get("Retry-After")) || 0);
  } catch (error) {
    // `fetch`, and reading a body that breaks off, both throw a TypeError.
    if (error instanceof TypeError) throw new UnreachableError();
    throw error;
  }
}

/** Priority of preview jobs, by which the history leaves them out. */
export const PREVIEW_PRIORITY = 61;

const noContent = () => null;
const jobUrl = (id) => `/v1/jobs/${encodeURIComponent(id)}`;
export const post = (path, options) => request(path, { method: "POST", ...options });

export const checkHealth = () => request("/healthz", { cache: "no-store" }, () => true);
export const fetchBlob = (url) => request(url, {}, (response) => response.blob());

export const listJobs = (kind, cursor) =>
  request(`/v1/jobs?limit=30&kind=${kind}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
export const getJob = (id, signal) => request(jobUrl(id), { signal, cache: "no-store" });
export const cancelJob = (id) => post(`${jobUrl(id)}/cancel`);
export const retryJob = (id) => post(`${jobUrl(id)}/retry`);
// `keepalive`: sent even while the page closes.
const deleteUrl = (url) => request(url, { method: "DELETE", keepalive: true }, noContent);
export const deleteJob = (id) => deleteUrl(jobUrl(id));

/** Submits a job. The same `key` twice makes one job, so that a request can be repeated after a broken connection. */
export const submitJob = (body, key, wait = 0) =>
  post("/v1/jobs", {
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "Idempotency-Key": key, ...(wait && { Prefer: `wait=${wait}` }) },
  });

function form(fields) {
  const body = new FormData();
  for (const [name, ...value] of fields) body.set(name, ...value);
  return { body };
}

export const uploadPicture = (blob, name) => post("/v1/uploads", form([["file", blob, name]]));
export const listStyles = async () => (await request("/v1/styles")).styles;
export const addStyle = (blob, name, title) =>
  post(
    "/v1/styles",
    form([
      ["file", blob, name],
      ["title", title],
    ]),
  );
export const tuneStyle = (id) => post(`/v1/styles/${encodeURIComponent(id)}/tune`);
export const deleteStyle = (id) => deleteUrl(`/v1/styles/${encodeURIComponent(id)}`);

/** The trained networks; an empty list where the server refuses. */
export async function listNetworks() {
  try {
    return (await request("/v1/networks")).items ?? [];
  } catch (error) {
    if (error instanceof ApiError) return [];
    throw error;
  }
}

/** A random key. `crypto.randomUUID` exists on https only, and a studio may run on the local network. */
export const newIdempotencyKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
