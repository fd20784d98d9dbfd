/** Notices within a moment that something watched has changed, whichever process changed it. */
import { Refusal } from '../../base/refusal.ts';
import type { ResourceWatch } from './session.ts';

/** How often everything that is watched is looked at, in milliseconds. */
const PERIOD = 200;

/** A version that differs after every change. Throws the refusal of a caller that may no longer see it. */
export type Version = () => Promise<string>;

interface Watched {
  readonly version: Version;
  readonly watch: ResourceWatch;
  last: string;
}

/** After these it may be seen again. */
const PASSING: ReadonlySet<string> = new Set(['CHAIN_CONTENDED', 'SUSPENDED', 'INTERNAL']);

/** Calls back when there may be something new; returns the unsubscriber. */
export type OnNews = (listener: () => void) => () => void;

export class Watching {
  readonly #onNews: OnNews;
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;
  #quiet: (() => void) | undefined;
  #isLooking = false;
  /** There was news while it looked, and it may have looked too early. */
  #isLate = false;

  /** News are a hint: without them everything is looked at all the same, a moment later. */
  constructor(onNews: OnNews = () => () => {}) {
    this.#onNews = onNews;
  }

  /** Returns the unsubscriber. Throws what `version` throws. */
  async add(version: Version, watch: ResourceWatch): Promise<() => void> {
    const one = { version, watch, last: await version() };
    this.#watched.add(one);
    this.#timer ??= this.#turnIn(PERIOD);
    this.#quiet ??= this.#onNews(() => this.#hurry());
    return () => this.#remove(one);
  }

  /** How many are watched. */
  get size(): number {
    return this.#watched.size;
  }

  #turnIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => void this.#turn(), ms).unref();
  }

  #hurry(): void {
    this.#isLate = this.#isLooking;
    if (this.#isLooking || this.#watched.size === 0) return;
    clearTimeout(this.#timer);
    this.#timer = this.#turnIn(0);
  }

  async #turn(): Promise<void> {
    this.#isLooking = true;
    this.#isLate = false;
    // Asked together, they are answered at one head of the chain.
    await Promise.all(Array.from(this.#watched, (one) => this.#look(one)));
    this.#isLooking = false;
    // Listeners that came after all others had gone have started their own rounds.
    clearTimeout(this.#timer);
    this.#timer = this.#watched.size > 0 ? this.#turnIn(this.#isLate ? 0 : PERIOD) : undefined;
  }

  async #look(one: Watched): Promise<void> {
    try {
      const now = await one.version();
      const hasChanged = now !== one.last && this.#watched.has(one);
      one.last = now;
      if (hasChanged) one.watch.changed();
    } catch (error) {
      if (PASSING.has(Refusal.from(error).code) || !this.#watched.has(one)) return;
      this.#remove(one);
      one.watch.ended();
    }
  }

  #remove(one: Watched): void {
    this.#watched.delete(one);
    if (this.#watched.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#quiet?.();
    this.#quiet = undefined;
  }
}
