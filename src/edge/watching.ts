/** Notices, within a moment and whoever caused it, that something which is watched has changed. */
import { Refusal } from '../base/refusal.ts';
import type { ResourceWatch } from './session.ts';

/** How often everything that is watched is looked at, in milliseconds. */
const PERIOD = 200;

/** Differs from the one before whenever what is watched has changed. Throws the refusal of who may not see it any more. */
export type Version = () => Promise<string>;

interface Watched {
  readonly version: Version;
  readonly watch: ResourceWatch;
  last: string;
}

/** After these it may be seen again. */
const PASSING: ReadonlySet<string> = new Set(['CHAIN_CONTENDED', 'SUSPENDED', 'INTERNAL']);

export class Watching {
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;

  /** Returns the unsubscriber. Throws what `version` throws. */
  async add(version: Version, watch: ResourceWatch): Promise<() => void> {
    const one = { version, watch, last: await version() };
    this.#watched.add(one);
    this.#timer ??= setTimeout(() => void this.#turn(), PERIOD).unref();
    return () => this.#remove(one);
  }

  /** How many are watched. */
  get size(): number {
    return this.#watched.size;
  }

  async #turn(): Promise<void> {
    // Asked together, they are answered at one head of the chain.
    await Promise.all(Array.from(this.#watched, (one) => this.#look(one)));
    // Who came meanwhile, after everybody had gone, has begun turns of its own.
    clearTimeout(this.#timer);
    this.#timer = this.#watched.size > 0 ? setTimeout(() => void this.#turn(), PERIOD).unref() : undefined;
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
  }
}
