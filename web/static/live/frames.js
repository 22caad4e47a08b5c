// Frames: the camera or a video file as a source of frames, and their pixels at the size that is painted.

/** The sides of every picture that a network takes are multiples of this. */
const STRIDE = 8;

/** A source that can't be opened: a sentence for people. */
export class SourceError extends Error {}

const drawing = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/**
 * RGBA pixels of a picture, video or bitmap, at the short side `side`: `{pixels, width, height}`. The long side is
 * rounded to the stride, and the picture is cut by at most half of it, not stretched.
 */
export function pixelsOf(picture, pictureWidth, pictureHeight, side) {
  const scale = side / Math.min(pictureWidth, pictureHeight);
  const rounded = (length) => Math.max(2 * STRIDE, Math.round((length * scale) / STRIDE) * STRIDE);
  const [width, height] = [rounded(pictureWidth), rounded(pictureHeight)];
  Object.assign(drawing.canvas, { width, height });
  drawing.imageSmoothingQuality = "high";
  const shown = Math.min(pictureWidth / width, pictureHeight / height);
  const [cutWidth, cutHeight] = [width * shown, height * shown];
  const [left, top] = [(pictureWidth - cutWidth) / 2, (pictureHeight - cutHeight) / 2];
  drawing.drawImage(picture, left, top, cutWidth, cutHeight, 0, 0, width, height);
  return { pixels: drawing.getImageData(0, 0, width, height).data, width, height };
}

/** Why a camera could not be opened, by the name of the browser's exception. */
const CAMERA_ERRORS = {
  NotAllowedError: "The browser may not use the camera. Allow it beside the address, then start it again.",
  NotFoundError: "No camera was found. Connect one, or choose a video.",
  OverconstrainedError: "That camera is not connected any more. Choose another one.",
  NotReadableError: "The camera can’t be read. Close other programs that use it, then start it again.",
};

export class FrameSource {
  #video = Object.assign(document.createElement("video"), { muted: true, loop: true, playsInline: true });
  #stream = null;
  #url = null;

  /** Opens the camera `deviceId`, or the one that the browser chooses. Throws `SourceError`. */
  static async openCamera(deviceId, onEnded) {
    if (!navigator.mediaDevices) {
      throw new SourceError("Browsers open the camera only over https or at localhost. Choose a video instead.");
    }
    const source = new FrameSource();
    try {
      const chosen = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
      source.#stream = await navigator.mediaDevices.getUserMedia({ video: chosen, audio: false });
    } catch (error) {
      throw new SourceError(CAMERA_ERRORS[error.name] ?? `The camera can’t be opened: ${error.message}`);
    }
    for (const track of source.#stream.getTracks()) track.addEventListener("ended", onEnded);
    source.#video.srcObject = source.#stream;
    await source.#video.play();
    return source;
  }

  /** Opens a video file, which is repeated. Throws `SourceError`. */
  static async openFile(file) {
    const source = new FrameSource();
    source.#url = URL.createObjectURL(file);
    source.#video.src = source.#url;
    try {
      await source.#video.play();
      if (!source.#video.videoWidth) throw new Error("no pictures");
    } catch {
      source.close();
      throw new SourceError(`This browser can’t play ${file.name}. Choose an MP4 or WebM file.`);
    }
    return source;
  }

  get isCamera() {
    return this.#stream !== null;
  }

  /** Resolves when a new frame is there. */
  nextFrame() {
    return new Promise((resolve) => {
      if (this.#video.requestVideoFrameCallback) this.#video.requestVideoFrameCallback(resolve);
      else requestAnimationFrame(resolve);
    });
  }

  /** The pixels of the frame that is shown now, at the short side `side`. */
  grab(side) {
    return pixelsOf(this.#video, this.#video.videoWidth, this.#video.videoHeight, side);
  }

  /** Switches the camera off, and frees a file. */
  close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#video.removeAttribute("src");
    this.#video.srcObject = null;
    if (this.#url) URL.revokeObjectURL(this.#url);
  }
}

/** The cameras of this machine. Before the camera was allowed, they have no names. */
export async function listCameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter(({ kind }) => kind === "videoinput");
}
