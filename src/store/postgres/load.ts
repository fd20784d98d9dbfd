/** Puts a whole chain into the database, as it was: all of it or nothing. */
import { Refusal } from '../../base/refusal.ts';
import type { Dump, DumpedEntry } from '../dump.ts';
import { chainOf } from './greet.ts';
import type { Session } from './link.ts';

/** What goes wrong with an entry on its way is for the caller to find: it sees each of them before it is written. */
export interface Loading {
  readonly chain: string;
  /** Entries with the text that was archived. */
  fill(part: readonly DumpedEntry[]): Promise<readonly DumpedEntry[]>;
  inspect(entry: { readonly seq: number; readonly hash: string; readonly entry: string }): void;
  /** Rows written, and how many there are, of the entries. */
  watch(done: number, total: number): void;
}

/** Entries of that chain that the database holds already. */
export async function sizeOf(session: Session, chain: string): Promise<number> {
  const [found] = await session.ask({ text: SIZE, values: [await chainOf(session, chain)] });
  return Number(found?.[0]?.[0]);
}

/** Whether the newest head of the dump is one of that chain's. */
export async function holds(session: Session, chain: string, dump: Dump): Promise<boolean> {
  let [size, note] = [0, ''];
  for (const part of dump.checkpoints()) ({ size, note } = part.at(-1) ?? { size, note });
  const [found] = await session.ask({ text: HELD, values: [await chainOf(session, chain), size, note] });
  return found?.[0]?.[0] === true;
}

/** @throws Refusal `DUPLICATE_KEY` where the chain is not empty. */
export async function load(session: Session, dump: Dump, { chain, fill, inspect, watch }: Loading): Promise<void> {
  const id = await chainOf(session, chain);
  await session.run('BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = 0');
  try {
    await session.run(`SELECT FROM aga.chains WHERE id = ${id} FOR UPDATE`);
    const [found] = await session.ask({ text: SIZE, values: [id] });
    if (Number(found?.[0]?.[0]) > 0)
      throw new Refusal('DUPLICATE_KEY', `The chain "${chain}" in the database has entries already.`, {
        hint: 'A chain is copied into an empty place only; choose another name with AGA_AUTHORITY, or another database.',
      });
    let done = 0;
    for (const bare of dump.entries()) {
      const part = await fill(bare);
      for (const entry of part) inspect(entry);
      const columns = [
        part.map((e) => e.seq),
        part.map((e) => e.hash),
        part.map((e) => e.kind),
        part.map((e) => e.entry),
      ];
      await session.ask({ name: 'load_entries', text: ENTRIES, values: [id, ...columns] });
      done += part.length;
      watch(done, dump.size);
    }
    for (const part of dump.touches())
      await session.ask({
        name: 'load_touches',
        text: TOUCHES,
        values: [id, part.map((t) => t.artifact), part.map((t) => t.direct), part.map((t) => t.seq)],
      });
    for (const part of dump.nodes())
      await session.ask({
        name: 'load_nodes',
        text: NODES,
        values: [id, part.map((n) => n.level), part.map((n) => n.idx), part.map((n) => n.hash)],
      });
    for (const part of dump.checkpoints())
      await session.ask({
        name: 'load_checkpoints',
        text: CHECKPOINTS,
        values: [id, part.map((c) => c.size), part.map((c) => c.note)],
      });
    await session.run('COMMIT');
  } catch (error) {
    await session.run('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

const SIZE = 'SELECT coalesce((SELECT size FROM aga.checkpoints WHERE chain = $1 ORDER BY size DESC LIMIT 1), 0)';
const HELD = 'SELECT EXISTS (SELECT FROM aga.checkpoints WHERE chain = $1 AND size = $2 AND note = $3)';
const ENTRIES = `
  INSERT INTO aga.entries (chain, seq, hash, kind, entry)
  SELECT $1, seq, decode(hash, 'hex'), kind, entry
  FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) AS e (seq, hash, kind, entry)`;
const TOUCHES = `
  INSERT INTO aga.touches (chain, artifact, direct, seq)
  SELECT $1, decode(artifact, 'hex'), direct, seq
  FROM unnest($2::text[], $3::smallint[], $4::bigint[]) AS t (artifact, direct, seq)`;
const NODES = `
  INSERT INTO aga.nodes (chain, level, idx, hash)
  SELECT $1, level, idx, decode(hash, 'hex')
  FROM unnest($2::smallint[], $3::bigint[], $4::text[]) AS n (level, idx, hash)`;
const CHECKPOINTS = `
  INSERT INTO aga.checkpoints (chain, size, note, frontier)
  SELECT $1, size, note, '' FROM unnest($2::bigint[], $3::text[]) AS c (size, note)`;
