// Worker that runs a network on frames with onnxruntime-web: on WebGPU, else on the processor with WebAssembly.
// A worker of its own, so that the page stays responsive; the security policy lets only workers compile WebAssembly.

const RUNTIME = "/live/runtime";
/** Backend → its build of onnxruntime-web. There are two, because the one with WebGPU is slower on the processor. */
const BUILDS = {
  webgpu: { module: "ort.webgpu.bundle.min.mjs", wasm: "ort-wasm-simd-threaded.asyncify.wasm" },
  wasm: { module: "ort.wasm.bundle.min.mjs", wasm: "ort-wasm-simd-threaded.wasm" },
};
/** Sides of the picture that a network is tried on, before WebGPU is trusted with frames. */
const TRIAL_SIDE = 64;

// `style`: statistics of the style, for networks that take any; `measured`: those of paintings by their keys.
const state = { ort: null, session: null, backend: "", style: null, measured: new Map() };

// -- tensors -----------------------------------------------------------------------------------------

/** RGBA bytes, row by row → float32 (1, 3, height, width) in 0..1. */
function imageTensor({ pixels, width, height }) {
  const count = width * height;
  const planes = new Float32Array(3 * count);
  for (let n = 0; n < count; n += 1) {
    for (let channel = 0; channel < 3; channel += 1) planes[channel * count + n] = pixels[4 * n + channel] / 255;
  }
  return new state.ort.Tensor("float32", planes, [1, 3, height, width]);
}

/** The network's output → RGBA bytes; `share` is its share beside the frame itself, from 0 to 1. */
function pixelsOf(planes, frame, share) {
  const count = frame.width * frame.height;
  const pixels = new Uint8ClampedArray(4 * count); // rounds, and clamps to 0..255
  for (let n = 0; n < count; n += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      const original = frame.pixels[4 * n + channel];
      pixels[4 * n + channel] = original + (255 * planes[channel * count + n] - original) * share;
    }
    pixels[4 * n + 3] = 255;
  }
  return pixels;
}

const row = (values) => new state.ort.Tensor("float32", values, [1, values.length]);
const takes = (name) => state.session.inputNames.includes(name);

/** Runs the network; answers the values of the output `name`. */
async function run(name, { frame, alpha, style }) {
  const feeds = { image: imageTensor(frame) };
  if (takes("alpha")) feeds.alpha = row(Float32Array.of(alpha));
  if (takes("style")) feeds.style = row(style);
  const outputs = await state.session.run(feeds, [name]);
  return outputs[name].data;
}

// -- the network -------------------------------------------------------------------------------------

async function createSession(backend, model) {
  const { module, wasm } = BUILDS[backend];
  const ort = await import(`${RUNTIME}/${module}`);
  ort.env.logLevel = "error";
  ort.env.wasm.wasmPaths = { wasm: `${RUNTIME}/${wasm}` };
  const session = await ort.InferenceSession.create(model, { executionProviders: [backend], logSeverityLevel: 3 });
  Object.assign(state, { ort, session, backend });
}

/** Why WebGPU can't be used; null where it can. A driver in software is used only if WebGPU was asked for. */
async function webGpuFault(wanted) {
  if (!navigator.gpu) return "This browser has no WebGPU.";
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) return "WebGPU finds no graphics card.";
  return wanted === "auto" && adapter.info?.isFallbackAdapter ? "WebGPU finds no graphics card." : null;
}

/** Opens a network on the backend `wanted` ("auto", "webgpu", "wasm"); answers why WebGPU was not used, or null. */
async function open(model, wanted) {
  await state.session?.release();
  Object.assign(state, { session: null, style: null });
  state.measured.clear();
  if (wanted === "wasm") {
    await createSession("wasm", model);
    return null;
  }
  let fault = await webGpuFault(wanted);
  if (!fault) {
    try {
      await createSession("webgpu", model);
      const pixels = new Uint8ClampedArray(4 * TRIAL_SIDE * TRIAL_SIDE);
      const frame = { pixels, width: TRIAL_SIDE, height: TRIAL_SIDE };
      await run("output", { frame, alpha: 1, style: blankStyle() });
      return null;
    } catch (error) {
      fault = `WebGPU failed: ${error.message.split("\n")[0].slice(0, 200)}`;
    }
  }
  await createSession("wasm", model);
  return fault;
}

const blankStyle = () => {
  const about = state.session.inputMetadata.find(({ name }) => name === "style");
  return about ? new Float32Array(about.shape[1]) : null;
};

/** The statistics of a painting `{key, pixels, width, height}`, which the network itself measures. */
async function measure(painting) {
  if (!state.measured.has(painting.key)) {
    const statistics = await run("statistics", { frame: painting, alpha: 0, style: blankStyle() });
    state.measured.set(painting.key, Float32Array.from(statistics));
  }
  return state.measured.get(painting.key);
}

/** The mean of the paintings' statistics, weighted by their `share`. */
async function blendStyles(paintings) {
  const total = paintings.reduce((sum, { share }) => sum + share, 0);
  const style = blankStyle();
  for (const painting of paintings) {
    const statistics = await measure(painting);
    statistics.forEach((value, n) => (style[n] += (value * painting.share) / total));
  }
  return style;
}

// -- messages ----------------------------------------------------------------------------------------

const handlers = {
  /** Opens `model`, if one comes, and sets the style, so that no frame is painted between the two. */
  async use({ model, backend, paintings }) {
    const fault = model ? await open(model, backend) : null;
    if (takes("style")) state.style = await blendStyles(paintings);
    const threads = state.backend === "wasm" ? state.ort.env.wasm.numThreads || 1 : 0;
    return { backend: state.backend, threads, fault };
  },
  /** Paints a frame `{pixels, width, height}` with the strength `alpha`. */
  async paint({ frame, alpha }) {
    const planes = await run("output", { frame, alpha, style: state.style });
    return pixelsOf(planes, frame, takes("alpha") ? 1 : alpha);
  },
};

let last = Promise.resolve();

async function answer({ id, kind, body }) {
  try {
    const result = await handlers[kind](body);
    postMessage({ id, result }, result.buffer ? [result.buffer] : []);
  } catch (error) {
    postMessage({ id, error: error.message ?? String(error) });
  }
}

addEventListener("message", ({ data }) => (last = last.then(() => answer(data))));
