// Export of a trained network to another runtime's format: a job writes and checks the file, then it downloads.
import { newIdempotencyKey, submitJob } from "../shared/api.js";
import { create } from "../shared/dom.js";
import { followJob } from "../shared/follow-job.js";
import { withRetry } from "../shared/reconnect.js";

const FORMATS = {
  onnx: "ONNX",
  openvino: "OpenVINO",
  torchscript: "TorchScript",
  "torch-export": "torch.export",
  executorch: "ExecuTorch",
  coreml: "Core ML",
};

/** Exports a network; answers the address of the file. */
async function exportNetwork(network, format) {
  const params = { network: `${network.name}@${network.version}`, format };
  const key = newIdempotencyKey();
  const job = await withRetry(() => submitJob({ kind: "export", params }, key));
  const ended = await followJob(job, () => {}, new AbortController().signal);
  if (ended.status !== "succeeded") throw new Error(ended.error?.detail ?? "The export was cancelled.");
  return ended.urls.output;
}

/** A list of formats that downloads `network` in the chosen one; `onProgress` gets the progress in words. */
export function createExportList(network, onProgress) {
  const list = create("select", { autocomplete: "off" }, new Option("Export…", ""));
  list.setAttribute("aria-label", `Export ${network.name}, version ${network.version}`);
  list.append(...Object.entries(FORMATS).map(([value, words]) => new Option(words, value)));
  list.addEventListener("change", async () => {
    const format = list.value;
    list.disabled = true;
    onProgress(`writing ${FORMATS[format]} and checking it against the original …`);
    try {
      const href = await exportNetwork(network, format);
      onProgress("");
      create("a", { href: `${href}?download=1`, download: "" }).click();
    } catch (error) {
      onProgress(error.message);
    }
    list.disabled = false;
    list.value = "";
  });
  return list;
}
