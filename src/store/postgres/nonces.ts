/** What was used once, for every replica of an authority: the database's unique index decides who was first. */
import { setImmediate as turn } from 'node:timers/promises';
import { Refusal } from '../../base/refusal.ts';
import type { Clock, Nonces } from '../../ports.ts';
import { addressOf } from './address.ts';
import { chainOf, greet } from './greet.ts';
import { Link } from './link.ts';

export interface PostgresNoncesOptions {
  readonly url: string;
  /** Name of the authority. */
  readonly chain: string;
  readonly clock: Clock;
  readonly patience?: number;
}

/** Milliseconds between two rounds of forgetting. */
const FORGET_EVERY = 10_000;

interface Waiting {
  readonly id: string;
  readonly until: number;
  readonly resolve: (fresh: boolean) => void;
  readonly reject: (error: unknown) => void;
}

export class PostgresNonces implements Nonces {
  readonly #clock: Clock;
  readonly #link: Link;
  #chain = 0;
  #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;
  #next = 0;

  constructor({ url, chain, clock, patience = 1500 }: PostgresNoncesOptions) {
    this.#clock = clock;
    this.#link = new Link({
      address: addressOf(url),
      patience,
      greet: async (session) => {
        await greet(session, { lock: patience, standstill: patience, known: true });
        this.#chain = await chainOf(session, chain);
      },
    });
  }

  once(id: string, until: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, until, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  async close(): Promise<void> {
    await this.#draining;
    await this.#link.close();
  }

  /** Many waiting ids share one statement. */
  async #drain(): Promise<void> {
    await turn();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const fresh = await this.#write(batch);
        // Of two in one batch the first has it.
        for (const { id, resolve } of batch) resolve(fresh.delete(id));
      } catch {
        const error = new Refusal(
          'CHAIN_CONTENDED',
          'It could not be made sure that the proof is used for the first time.',
        );
        for (const { reject } of batch) reject(error);
      }
    }
    this.#draining = undefined;
  }

  /** Those that nobody has used. A statement whose answer was lost is not repeated: it may have used them up. */
  async #write(batch: readonly Waiting[]): Promise<Set<string>> {
    const now = this.#clock();
    const forget = now >= this.#next;
    const session = await this.#link.patiently(async (open) => open);
    try {
      const [inserted = []] = await session.ask(
        {
          name: 'use',
          text: USE,
          values: [this.#chain, batch.map(({ id }) => id), batch.map(({ until }) => Math.ceil(until))],
        },
        ...(forget ? [{ name: 'forget', text: FORGET, values: [this.#chain, Math.floor(now) - SKEW] }] : []),
      );
      if (forget) this.#next = now + FORGET_EVERY;
      return new Set(inserted.map(([id]) => String(id)));
    } catch (error) {
      this.#link.drop();
      throw error;
    }
  }
}

/** Milliseconds by which the clock of another replica may be behind: it must still find what it would accept. */
const SKEW = 600_000;
const USE = `
  INSERT INTO aga.nonces (chain, id, until)
  SELECT $1, id, max(until) FROM unnest($2::text[], $3::bigint[]) AS u (id, until) GROUP BY id ORDER BY id
  ON CONFLICT DO NOTHING RETURNING id`;
const FORGET = 'DELETE FROM aga.nonces WHERE chain = $1 AND until < $2';
