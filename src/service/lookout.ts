/** Notices within a second that an artifact's authority has ended, whichever process ended it. */
import { haltedRefusal, notFound } from '../authority/find.ts';
import { halted } from '../authority/grant.ts';
import type { Refusal } from '../base/refusal.ts';
import { operator } from '../caller.ts';
import type { Service } from './service.ts';

/** How often the head of the chain is looked at while anything is watched, in milliseconds. */
const PERIOD = 250;

type Listener = (refusal: Refusal) => void;

export class Lookout {
  readonly #service: Service;
  readonly #watched = new Map<string, Set<Listener>>();
  #timer: NodeJS.Timeout | undefined;
  #quiet: (() => void) | undefined;
  readonly #self = operator();

  constructor(service: Service) {
    this.#service = service;
  }

  /** Calls back once when the artifact or an ancestor has ended or is suspended; returns the unsubscriber. */
  onEnded(artifact: string, listener: Listener): () => void {
    const listeners = this.#watched.get(artifact) ?? new Set();
    this.#watched.set(artifact, listeners.add(listener));
    const look = (): void => void this.look().catch(() => undefined);
    this.#timer ??= setInterval(look, PERIOD).unref();
    this.#quiet ??= this.#service.onNews(look);
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) this.#forget(artifact);
    };
  }

  /** Looks now: used after a revocation by this process, so that its own calls end at once. */
  async look(): Promise<void> {
    if (this.#watched.size === 0) return;
    const ended = await this.#service.askAnyone<readonly (readonly [string, Refusal])[]>({
      name: 'watch',
      caller: this.#self,
      writes: false,
      decide: ({ state, now }) => ({
        answer: [...this.#watched.keys()].flatMap((artifact) => {
          const grant = state.grants.get(artifact);
          if (!grant) return [[artifact, notFound()] as const];
          const over = halted(grant, now);
          return over ? [[artifact, haltedRefusal(grant, over)] as const] : [];
        }),
      }),
    });
    for (const [artifact, refusal] of ended) {
      const listeners = this.#watched.get(artifact);
      this.#forget(artifact);
      for (const listener of listeners ?? []) listener(refusal);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#quiet?.();
  }

  #forget(artifact: string): void {
    this.#watched.delete(artifact);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
