/** What was used once, for every replica of an authority: the database's unique index decides who was first. */
import { Refusal } from '../../base/refusal.ts';
import type { Clock, Nonces } from '../../ports.ts';
import { Batching } from './batching.ts';
import { type BesideOptions, beside } from './beside.ts';
import type { Link } from './link.ts';

export interface PostgresNoncesOptions extends BesideOptions {
  readonly clock: Clock;
}

/** Milliseconds between two rounds of forgetting. */
const FORGET_EVERY = 10_000;

interface Use {
  readonly id: string;
  readonly until: number;
}

export class PostgresNonces implements Nonces {
  readonly #clock: Clock;
  readonly #link: Link;
  readonly #chain: () => number;
  readonly #uses = new Batching<Use, boolean>((batch) => this.#first(batch));
  #next = 0;

  constructor({ clock, ...options }: PostgresNoncesOptions) {
    this.#clock = clock;
    ({ link: this.#link, chain: this.#chain } = beside(options));
  }

  once(id: string, until: number): Promise<boolean> {
    return this.#uses.ask({ id, until });
  }

  async close(): Promise<void> {
    await this.#uses.idle();
    await this.#link.close();
  }

  /** Of two uses in one batch, only the first counts. */
  async #first(batch: readonly Use[]): Promise<boolean[]> {
    try {
      const fresh = await this.#write(batch);
      return batch.map(({ id }) => fresh.delete(id));
    } catch {
      throw new Refusal('CHAIN_CONTENDED', 'It could not be checked whether the proof was used before.');
    }
  }

  /** Those that nobody has used. A statement whose answer was lost is not repeated: it may have used them up. */
  async #write(batch: readonly Use[]): Promise<Set<string>> {
    const now = this.#clock();
    const forget = now >= this.#next;
    const session = await this.#link.patiently(async (open) => open);
    try {
      const [inserted = []] = await session.ask(
        {
          name: 'use',
          text: USE,
          values: [this.#chain(), batch.map(({ id }) => id), batch.map(({ until }) => Math.ceil(until))],
        },
        ...(forget ? [{ name: 'forget', text: FORGET, values: [this.#chain(), Math.floor(now) - SKEW] }] : []),
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
