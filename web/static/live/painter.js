// Painter: the page's side of the worker that runs the network.

/** The network can't be run: a sentence for people. */
export class PainterError extends Error {}

export class Painter {
  #worker = new Worker("/static/live/painter-worker.js", { type: "module" });
  #calls = new Map();
  #count = 0;

  constructor() {
    this.#worker.addEventListener("message", ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.#calls.get(id);
      this.#calls.delete(id);
      if (error === undefined) resolve(result);
      else reject(new PainterError(`The network can’t be run in this browser. ${error.split("\n")[0].slice(0, 300)}`));
    });
    this.#worker.addEventListener("error", () => {
      const failure = new PainterError("The painter can’t be started in this browser. Reload the page.");
      for (const { reject } of this.#calls.values()) reject(failure);
      this.#calls.clear();
    });
  }

  #call(kind, body) {
    this.#count += 1;
    const id = this.#count;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#worker.postMessage({ id, kind, body });
    });
  }

  /**
   * Opens the ONNX file `model` (null: the open one stays) on `backend`, and sets the style to the mean of
   * `paintings`, each `{key, pixels, width, height, share}`; only networks that take any style read them.
   * Answers `{backend, threads, fault}`: what computes, and why WebGPU does not, or null.
   */
  use({ model, backend, paintings }) {
    return this.#call("use", { model, backend, paintings });
  }

  /** The painted pixels of `frame`, `{pixels, width, height}` in RGBA; `alpha` is the strength, from 0 to 1. */
  paint(frame, alpha) {
    return this.#call("paint", { frame, alpha });
  }
}
