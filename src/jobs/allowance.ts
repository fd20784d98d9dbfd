/** How much a job may say: a chain is kept for ever, and an agent may write a million lines a second. */

/** At once, and then again a second. */
const BURST = 1000;
const PER_SECOND = 50;

export class Allowance {
  #left = BURST;
  #at = performance.now();
  #missed = 0;

  take(): boolean {
    const now = performance.now();
    this.#left = Math.min(BURST, this.#left + ((now - this.#at) / 1000) * PER_SECOND);
    this.#at = now;
    if (this.#left < 1) {
      this.#missed += 1;
      return false;
    }
    this.#left -= 1;
    return true;
  }

  /** How much was left out. */
  missed(): number {
    return this.#missed;
  }
}
