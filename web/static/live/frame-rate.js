// Frame rate: frames a second over the last two seconds.

const WINDOW_MS = 2000;

export class FrameRate {
  #times = [];

  /** Counts a frame that ended at `time` in milliseconds. */
  add(time) {
    this.#times.push(time);
    while (this.#times.length > 2 && time - this.#times[0] > WINDOW_MS) this.#times.shift();
  }

  /** Frames a second; null before the second frame. */
  get perSecond() {
    if (this.#times.length < 2) return null;
    return (1000 * (this.#times.length - 1)) / (this.#times.at(-1) - this.#times[0]);
  }
}
