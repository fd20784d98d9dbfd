/** When something that ended may be started again: after a pause that doubles with each end, until it has been stable. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
/** Alive this long, its next end is a first one. */
const STABLE_MS = 30_000;

export class Backoff {
  #ends = 0;
  #notBefore = 0;

  /** Milliseconds that are still to wait at `now`, of a clock that never goes back. */
  pause(now: number): number {
    return Math.max(0, Math.ceil(this.#notBefore - now));
  }

  /** It was started at `since` and has ended, or could not be started. */
  ended(since: number, now: number): void {
    this.#ends = now - since > STABLE_MS ? 1 : this.#ends + 1;
    this.#notBefore = now + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#ends - 1));
  }
}
