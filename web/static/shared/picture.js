// A picture to work with: a local file, or one that the server stores.
import { ApiError, fetchBlob, uploadPicture } from "./api.js";
import { withRetry } from "./reconnect.js";

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

  /** A picture that was uploaded before, by the upload's id. */
  static ofUpload({ id, name }) {
    return new Picture({ url: `/v1/uploads/${encodeURIComponent(id)}/image`, name, uploaded: id });
  }

  /** A job's input by its role, or null where the job had none. */
  static ofJob(job, role) {
    const input = (job.inputs ?? []).find((each) => each.role === role);
    return input?.url ? new Picture({ url: input.url, name: inputName(input) }) : null;
  }

  async blob() {
    return (this.#file ??= await fetchBlob(this.url));
  }

  /** The id of the upload; the file is sent once, however often this is called. */
  upload() {
    this.#upload ??= this.#send().catch((error) => {
      this.#upload = null;
      throw error;
    });
    return this.#upload;
  }

  /** Forgets the upload, for a server that deleted it in the meantime. */
  resetUpload() {
    this.#upload = null;
  }

  async #send() {
    const blob = await withRetry(() => this.blob());
    return (await withRetry(() => uploadPicture(blob, this.name), 4)).id;
  }

  /** Frees the memory of a local file's address. */
  revoke() {
    if (this.url.startsWith("blob:")) URL.revokeObjectURL(this.url);
  }
}

function inputName({ role, media_type: type = "" }) {
  const suffix = type.split("/")[1]?.replace("jpeg", "jpg") || "jpg";
  const isVideo = type.startsWith("video/");
  return `${role !== "content" ? role : isVideo ? "video" : "photo"}.${suffix}`;
}

/** An error about a file in words: the API names the field with the file's name behind it, people know the name. */
export function explainError(error, name) {
  if (!(error instanceof ApiError)) return `The connection broke while sending ${name}. Please try again.`;
  const sentence = error.message.replace(/^(?:content|style|file) \((.+?)\) /, "$1 ");
  return sentence.includes(name) ? sentence : `${name} can’t be used. ${sentence}`;
}
