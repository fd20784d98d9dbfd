/**
 * `ACTUATOR_DISCONNECT`, in every process: the process that notices a violation fires the duties of an artifact, and the
 * upstreams that it used are ended wherever it used them.
 */
import type { Enforcement } from './enforcement.ts';

export const DUTY = 'ACTUATOR_DISCONNECT';

/** How often the chain is looked at while an artifact with this duty uses something, in milliseconds. */
const PERIOD = 250;
const MOST_USING = 10_000;

interface Using {
  readonly servers: Set<string>;
  /** When its duties had fired last before that. */
  readonly since: number | undefined;
}

export class Disconnecting {
  readonly #enforcement: Enforcement;
  readonly #end: (server: string) => void;
  readonly #using = new Map<string, Promise<Using>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(enforcement: Enforcement, end: (server: string) => void) {
    this.#enforcement = enforcement;
    this.#end = end;
    enforcement.onFired((_, trigger) => {
      if (trigger === DUTY) void this.look().catch(() => undefined);
    });
  }

  /** An artifact with this duty is about to use an upstream. */
  async used(artifact: string, server: string): Promise<void> {
    const begun = this.#using.get(artifact) ?? this.#begin(artifact);
    (await begun).servers.add(server);
  }

  /** Ends what was used by those whose duties have fired since. */
  async look(): Promise<void> {
    const fired = await this.#enforcement.lastFired([...this.#using.keys()]);
    for (const [artifact, at] of fired) {
      const using = await this.#using.get(artifact);
      if (!using || using.since === at) continue;
      this.#using.delete(artifact);
      for (const server of using.servers) this.#end(server);
    }
    if (this.#using.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #begin(artifact: string): Promise<Using> {
    const [oldest] = this.#using.keys();
    if (oldest !== undefined && this.#using.size >= MOST_USING) this.#using.delete(oldest);
    this.#timer ??= setInterval(() => void this.look().catch(() => undefined), PERIOD).unref();
    const begun = this.#enforcement
      .lastFired([artifact])
      .then((fired) => ({ servers: new Set<string>(), since: fired.get(artifact) }));
    this.#using.set(artifact, begun);
    begun.catch(() => this.#using.delete(artifact));
    return begun;
  }
}
