/**
 * Tells replicas at once that another one has appended, so that nobody has to wait until they look by themselves.
 *
 * It is a hint: every act looks at the head of the chain whether it has heard of it or not, and who waits for something
 * looks now and then anyway. A connection of its own listens, since a reader's may be busy.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from './address.ts';
import { Link, type Session } from './link.ts';

export interface HeraldOptions {
  readonly address: Address;
  /** The number of the chain. */
  readonly chain: (session: Session) => Promise<number>;
  /** Milliseconds of silence after which the connection is tried: one that was cut without a word is silent for ever. */
  readonly silence: number;
}

/** Milliseconds in which what is told or heard several times counts once. */
const PACE = 20;
/** Milliseconds before another attempt to listen, the first and the longest. */
const SOONEST = 100;
const LATEST = 5000;
/** Milliseconds that the last word may take. */
const GOODBYE = 300;

export class Herald {
  readonly #link: Link;
  readonly #silence: number;
  readonly #me = crypto.randomUUID();
  readonly #listeners = new Set<() => void>();
  #listening: Promise<void> | undefined;
  #closed = false;
  #lost = new AbortController();
  #heard: NodeJS.Timeout | undefined;
  #told = Number.NEGATIVE_INFINITY;
  #telling: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ address, chain, silence }: HeraldOptions) {
    this.#silence = silence;
    this.#link = new Link({
      address,
      patience: 0,
      greet: async (session) => {
        await session.run(`LISTEN ${channelOf(await chain(session))}`);
      },
      heard: (who) => {
        if (who !== this.#me) this.#pass();
      },
      lost: () => this.#lost.abort(),
    });
  }

  /** Calls back when others may have appended; listens from the first caller on. */
  onNews(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#listening ??= this.#listen();
    return () => this.#listeners.delete(listener);
  }

  /** Tells the others, at once or, where it was told a moment ago, a moment later; on a connection without a transaction. */
  tell(chain: number, link: Link): void {
    if (this.#telling || this.#closed) return;
    const due = this.#told + PACE - performance.now();
    const say = (): void => {
      this.#telling = undefined;
      this.#told = performance.now();
      const text = `NOTIFY ${channelOf(chain)}, '${this.#me}'`;
      this.#last = link
        .session()
        .then((session) => session.run(text))
        .catch(() => undefined);
    };
    if (due <= 0) say();
    else this.#telling = setTimeout(say, due);
  }

  /** What was not told yet is told first. */
  async close(): Promise<void> {
    while (this.#telling) await sleep(PACE);
    this.#closed = true;
    await Promise.race([this.#last, sleep(GOODBYE)]);
    clearTimeout(this.#heard);
    await this.#link.close();
    this.#lost.abort();
    await this.#listening;
  }

  #pass(): void {
    this.#heard ??= setTimeout(() => {
      this.#heard = undefined;
      for (const listener of this.#listeners) listener();
    }, PACE / 4).unref();
  }

  async #listen(): Promise<void> {
    for (let pause = SOONEST; !this.#closed; pause = Math.min(pause * 2, LATEST)) {
      this.#lost = new AbortController();
      try {
        const session = await this.#link.session();
        pause = SOONEST;
        // Nobody knows what was told in the meantime.
        this.#pass();
        await this.#attend(session, this.#lost.signal);
      } catch {
        // Tried again below; who waits for news looks by himself until then.
      }
      this.#link.drop();
      this.#lost = new AbortController();
      if (!this.#closed) await quiet(pause, this.#lost.signal);
    }
  }

  /** Until the connection is lost, or does not answer. */
  async #attend(session: Session, signal: AbortSignal): Promise<void> {
    for (;;) {
      await quiet(this.#silence, signal);
      if (signal.aborted) return;
      const answered = session.ask({ text: 'SELECT' }).then(() => true);
      const late = quiet(this.#silence, signal).then(() => false);
      if (!(await Promise.race([answered, late]))) return;
    }
  }
}

const quiet = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  sleep(milliseconds, undefined, { signal, ref: false }).catch(() => undefined);
const channelOf = (chain: number): string => `aga_${chain}`;
