// A trained network as a file for another runtime: a job writes and checks it, and the browser takes it.
import * as api from "../shared/api.js";
import { follow } from "../shared/follow-job.js";
import { persist } from "../shared/retry.js";

const FORMATS = { onnx: "ONNX", openvino: "OpenVINO", torchscript: "TorchScript", "torch-export": "torch.export" };

async function written(network, format) {
  const params = { network: `${network.name}@${network.version}`, format };
  const key = api.freshKey();
  const job = await persist(() => api.submit({ kind: "export", params }, key));
  const ended = await follow(job, () => {}, new AbortController().signal);
  if (ended.status !== "succeeded") throw new Error(ended.error?.detail ?? "It was canceled.");
  return ended.urls.output;
}

/** A list of formats; choosing one downloads `network` in it. `tell` hears in words how that goes. */
export function offer(network, tell) {
  const list = Object.assign(document.createElement("select"), { autocomplete: "off" });
  list.setAttribute("aria-label", `Export ${network.name}, version ${network.version}`);
  list.append(new Option("Export…", ""), ...Object.entries(FORMATS).map(([value, words]) => new Option(words, value)));
  list.addEventListener("change", async () => {
    const format = list.value;
    list.disabled = true;
    tell(`writing ${FORMATS[format]} and checking it against the original …`);
    try {
      const href = await written(network, format);
      tell("");
      Object.assign(document.createElement("a"), { href: `${href}?download=1`, download: "" }).click();
    } catch (error) {
      tell(error.message);
    }
    list.disabled = false;
    list.value = "";
  });
  return list;
}
