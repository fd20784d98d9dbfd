/** What was said in jobs, and who was last heard of when, for all replicas of an authority. */
import { sha256Hex } from '#digest';
import { canonicalize, type Json } from '../../base/canonical.ts';
import { Batching } from './batching.ts';
import { type BesideOptions, beside } from './beside.ts';
import type { Link } from './link.ts';

/** Milliseconds between two rounds of forgetting. */
const FORGET_EVERY = 10 * 60_000;

interface Kept {
  readonly job: string;
  readonly text: string;
}

export class PostgresJournal {
  readonly #link: Link;
  readonly #chain: () => number;
  readonly #kept = new Batching<readonly Kept[], void>(async (batch) => {
    await this.#write(batch.flat());
    return batch.map(() => undefined);
  });
  #forgotten = Number.NEGATIVE_INFINITY;

  constructor(options: BesideOptions) {
    ({ link: this.#link, chain: this.#chain } = beside(options));
  }

  /** Those who wait at once share one statement, and are answered in the order in which they came. */
  keep(job: string, said: readonly Json[]): Promise<void> {
    return this.#kept.ask(said.map((each) => ({ job, text: canonicalize(each) })));
  }

  /** Nothing to wait for: the digest stands on the chain, in the same database, after this and flushed with it. */
  async settle(): Promise<void> {}

  async of(job: string): Promise<ReadonlyMap<string, Json>> {
    const [rows = []] = await this.#link.patiently((session) =>
      session.ask({ name: 'said', text: SAID, values: [this.#chain(), job] }),
    );
    return new Map(rows.map(([text]) => [sha256Hex(String(text)), JSON.parse(String(text))]));
  }

  async beat(id: string): Promise<void> {
    await this.#link.patiently((session) => session.ask({ name: 'beat', text: BEAT, values: [this.#chain(), id] }));
  }

  async silence(id: string): Promise<number | undefined> {
    const [rows = []] = await this.#link.patiently((session) =>
      session.ask({ name: 'silence', text: SILENCE, values: [this.#chain(), id] }),
    );
    const ms = rows[0]?.[0];
    return ms === undefined ? undefined : Math.max(0, Number(ms));
  }

  async close(): Promise<void> {
    await this.#kept.idle();
    await this.#link.close();
  }

  /** May be repeated: what is there already stays as it is. */
  async #write(said: readonly Kept[]): Promise<void> {
    const now = performance.now();
    const forget = now > this.#forgotten + FORGET_EVERY;
    const jobs = said.map(({ job }) => job);
    const texts = said.map(({ text }) => text);
    const digests = texts.map((text) => sha256Hex(text));
    await this.#link.patiently((session) =>
      session.ask(
        // Without a flush of its own: the commit that puts the digest on the chain flushes this, too, being earlier.
        { text: 'BEGIN; SET LOCAL synchronous_commit = off' },
        { name: 'keep', text: KEEP, values: [this.#chain(), jobs, digests, texts] },
        ...(forget ? FORGET.map((text) => ({ text, values: [this.#chain()] })) : []),
        { text: 'COMMIT' },
      ),
    );
    if (forget) this.#forgotten = now;
  }
}

const KEEP = `
  INSERT INTO aga.said (chain, job, digest, said)
  SELECT DISTINCT ON (job, digest) $1::integer, job, decode(digest, 'hex'), said
  FROM unnest($2::text[], $3::text[], $4::text[]) AS k (job, digest, said) ORDER BY job, digest
  ON CONFLICT DO NOTHING`;
const SAID = 'SELECT said FROM aga.said WHERE chain = $1 AND job = $2';
const BEAT = `
  INSERT INTO aga.beats (chain, id, at) VALUES ($1, $2, clock_timestamp())
  ON CONFLICT (chain, id) DO UPDATE SET at = greatest(aga.beats.at, clock_timestamp())`;
/** Uses the clock of the database, which all replicas share. */
const SILENCE = 'SELECT extract(epoch FROM clock_timestamp() - at) * 1000 FROM aga.beats WHERE chain = $1 AND id = $2';
/** A job is known for a day after its end; what was said in it is kept for longer than that. */
const FORGET = [
  "DELETE FROM aga.said WHERE chain = $1 AND kept < now() - interval '3 days'",
  "DELETE FROM aga.beats WHERE chain = $1 AND at < now() - interval '3 days'",
];
