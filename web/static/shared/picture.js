// A picture to work with: a file of one's own, or one that the server keeps.
import { Refusal, bytes, upload } from "./api.js";
import { persist } from "./retry.js";

export class Picture {
  #file;
  #upload;

  constructor({ file = null, url, name, uploaded = null }) {
    this.#file = file;
    this.#upload = uploaded && Promise.resolve(uploaded);
    this.url = url;
    this.name = name;
  }

  static ofFile(file) {
    return new Picture({ file, url: URL.createObjectURL(file), name: file.name || "pasted picture" });
  }

  /** A picture that was sent before, by the id that the server gave it. */
  static ofUpload({ id, name }) {
    return new Picture({ url: `/v1/uploads/${encodeURIComponent(id)}/image`, name, uploaded: id });
  }

  /** A job's input by its role, or null where the job had none. */
  static ofJob(job, role) {
    const input = (job.inputs ?? []).find((each) => each.role === role);
    return input?.url ? new Picture({ url: input.url, name: `${role !== "content" ? role : input.media_type?.startsWith("video/") ? "video" : "photo"}.${suffix(input)}` }) : null;
  }

  async blob() {
    return (this.#file ??= await bytes(this.url));
  }

  /** The id under which the server has it; sent once, however often it is asked for. */
  upload() {
    this.#upload ??= this.#send().catch((error) => {
      this.#upload = null;
      throw error;
    });
    return this.#upload;
  }

  /** For a server that has forgotten it in the meantime. */
  forgotten() {
    this.#upload = null;
  }

  async #send() {
    const blob = await persist(() => this.blob());
    return (await persist(() => upload(blob, this.name), 4)).id;
  }

  forget() {
    if (this.url.startsWith("blob:")) URL.revokeObjectURL(this.url);
  }
}

const suffix = ({ media_type: type = "" }) => type.split("/")[1]?.replace("jpeg", "jpg") || "jpg";

/** Programs are told the field with the file's name behind it; people know the name alone. */
export function explain(error, name) {
  if (!(error instanceof Refusal)) return `The connection broke while sending ${name}. Please try again.`;
  const sentence = error.message.replace(/^(?:content|style|file) \((.+?)\) /, "$1 ");
  return sentence.includes(name) ? sentence : `${name} can’t be used. ${sentence}`;
}
