// A picture to work with: a file of one's own, or one that the server keeps from an earlier job.
import { bytes } from "./api.js";

export class Picture {
  #file;

  constructor({ file = null, url, name }) {
    this.#file = file;
    this.url = url;
    this.name = name;
  }

  static ofFile(file) {
    return new Picture({ file, url: URL.createObjectURL(file), name: file.name || "pasted picture" });
  }

  /** A job's input by its role, or null where the job had none. */
  static ofJob(job, role) {
    const input = (job.inputs ?? []).find((each) => each.role === role);
    return input?.url ? new Picture({ url: input.url, name: `${role === "content" ? "photo" : role}.${suffix(input)}` }) : null;
  }

  async blob() {
    return (this.#file ??= await bytes(this.url));
  }

  forget() {
    if (this.url.startsWith("blob:")) URL.revokeObjectURL(this.url);
  }
}

const suffix = ({ media_type: type = "" }) => type.split("/")[1]?.replace("jpeg", "jpg") || "jpg";
