/** A query as one SQL statement, and so of one consistent view: every form walks an index in order. */
import { fromHex, toHex } from '../../base/encoding.ts';
import type { Head, Page, Query, Row } from '../../ports.ts';
import { hit, leap, type Source } from '../leap.ts';
import type { Cells, Statement } from './link.ts';

/**
 * What keeps the planner on the indexes, whatever it believes about tables that were empty a moment ago: nothing else is
 * asked on these connections.
 */
export const PLANNER = `
  SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
  SET enable_hashjoin = off; SET enable_mergejoin = off; SET max_parallel_workers_per_gather = 0; SET jit = off`;

/** The head and the rows of a page, told apart by the last column. */
export function pageOf(chain: number, { after, limit, kind, names, within }: Query): Statement {
  const values: unknown[] = [chain, after, Math.min(limit, MOST)];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const sources: Source[] = [];
  let alone = `SELECT e.seq AS seq, ${COLUMNS} FROM aga.entries AS e WHERE e.chain = $1 AND e.seq > $2${IN_ORDER}`;
  if (kind !== undefined) {
    const value = bind(kind);
    alone = `SELECT e.seq AS seq, ${COLUMNS} FROM aga.entries AS e WHERE ${ofKind('e', value, '>', '$2')} LIMIT $3`;
    sources.push((from) => `SELECT n.seq FROM aga.entries AS n WHERE ${ofKind('n', value, '>=', from)} LIMIT 1`);
  }
  if (within !== undefined) {
    const artifact = bind(blob(within));
    // Two ranges of one index, each in order: they are merged without sorting all of them.
    alone = `(${touching(artifact, 1)}) UNION ALL (${touching(artifact, 0)}) ORDER BY seq LIMIT $3`;
    sources.push((from) => `least(${[1, 0].map((direct) => `(${touch(artifact, direct)(from)})`).join(', ')})`);
  }
  if (names !== undefined) {
    const artifact = bind(blob(names));
    alone = touching(artifact, 1);
    sources.push(touch(artifact, 1));
  }
  const rows = sources.length > 1 ? together(sources) : alone;
  const text = `(SELECT h.*, true FROM (${HEAD}) AS h) UNION ALL (SELECT seq, hash, kind, entry, false FROM (${rows}) AS r)`;
  return { name: nameOf(text), text, values };
}

/** In all of several ranges; the entry is looked up for each number, and OFFSET keeps the planner from another order. */
const together = (sources: readonly Source[]): string =>
  `${leap('$2', sources)} SELECT leap.seq AS seq, e.hash, e.kind, e.entry FROM leap CROSS JOIN LATERAL ` +
  `(SELECT ${COLUMNS} FROM aga.entries AS e WHERE e.chain = $1 AND e.seq = leap.seq OFFSET 0) AS e ` +
  `WHERE ${hit(sources)} LIMIT $3`;

const touching = (artifact: string, direct: 0 | 1): string =>
  `SELECT t.seq AS seq, ${COLUMNS} FROM aga.touches AS t JOIN aga.entries AS e ON e.chain = t.chain AND e.seq = t.seq ` +
  `WHERE t.chain = $1 AND t.artifact = ${artifact} AND t.direct = ${direct} AND t.seq > $2 ORDER BY t.seq LIMIT $3`;

/**
 * The range of a kind, in order. Columns are compared as rows, which only the index of kinds can do: with equal signs the
 * primary key has the same order, and once the planner knows that most entries are decisions it reads all of them there
 * to find the kind that nobody has written.
 */
const ofKind = (row: string, kind: string, than: '>' | '>=', from: string): string =>
  `(${row}.kind, ${row}.chain, ${row}.seq) ${than} (${kind}, $1, ${from}) AND (${row}.kind, ${row}.chain) <= (${kind}, $1) ` +
  `ORDER BY ${row}.kind, ${row}.chain, ${row}.seq`;

const touch =
  (artifact: string, direct: number): Source =>
  (from) =>
    `SELECT n.seq FROM aga.touches AS n WHERE n.chain = $1 AND n.artifact = ${artifact} AND n.direct = ${direct} ` +
    `AND n.seq >= ${from} ORDER BY n.seq LIMIT 1`;

/** The head and the rows from `size` on, as many as there are up to the limit. */
export const newsFrom = (chain: number, size: number, limit: number): string =>
  `EXECUTE news (${chain}, ${size - 1}, ${limit})`;

/** What that statement found: all rows in one, since a replica follows every entry of all others and each row has its price. */
export function newsOf(found: readonly Cells[]): Page {
  const [cells] = found;
  if (!cells) return { rows: [], head: null };
  const [size, last, , note, first, hashes, kinds, entries] = cells;
  const texts = entries === null ? [] : String(entries).split('\n');
  const kind = String(kinds).split('\n');
  const rows = texts.map((entry, i) => ({
    sequence_number: Number(first) + i,
    entry_hash: String(hashes).slice(64 * i, 64 * (i + 1)),
    kind: kind[i] ?? '',
    entry,
    names: [],
    within: [],
  }));
  return { rows, head: headOf(size, last, note) };
}

/** What a page statement found. */
export function page(found: readonly Cells[]): Page {
  const rows: Row[] = [];
  let head: Head | null = null;
  for (const [number, hash, kind, text, isHead] of found) {
    if (isHead === true) {
      head = headOf(number, hash, text);
    } else {
      const [sequence_number, entry_hash, entry] = [Number(number), String(hash), String(text)];
      rows.push({ sequence_number, entry_hash, kind: String(kind), entry, names: [], within: [] });
    }
  }
  return { rows, head };
}

const headOf = (size: unknown, last: unknown, note: unknown): Head => ({
  size: Number(size),
  entry_hash: String(last ?? ''),
  checkpoint: String(note),
});

/** The largest LIMIT that there is. */
const MOST = Number.MAX_SAFE_INTEGER;
const COLUMNS = `encode(e.hash, 'hex') AS hash, e.kind AS kind, e.entry AS entry`;
const IN_ORDER = ' ORDER BY e.seq LIMIT $3';
/** The last entry by a subquery: a join would be planned as a table of all there are. Where it has been cut off, the head still
 * says that there was one, and the reader finds it missing. */
const HEAD =
  `SELECT c.size AS seq, (SELECT encode(e.hash, 'hex') FROM aga.entries AS e WHERE e.chain = $1 AND e.seq = c.size - 1) AS hash, NULL AS kind, c.note AS entry ` +
  'FROM aga.checkpoints AS c WHERE c.chain = $1 ORDER BY c.size DESC LIMIT 1';

/** What is no hash is named by no entry. */
const blob = (artifact: string): string => `\\x${toHex(fromHex(artifact) ?? new Uint8Array())}`;

/** A few forms, and for each its own prepared statement. */
const forms = new Map<string, string>();
function nameOf(text: string): string {
  const name = forms.get(text) ?? `page${forms.size}`;
  forms.set(text, name);
  return name;
}

/** Prepared on a connection that appends: what is new there is asked together with the lock, in plain text. */
export const PREPARE_NEWS = `PREPARE news (integer, bigint, bigint) AS
  SELECT head.*, news.* FROM (${HEAD}) AS head, (
    SELECT min(seq), string_agg(hash, ''), string_agg(kind, E'\\n'), string_agg(entry, E'\\n')
    FROM (SELECT e.seq AS seq, ${COLUMNS} FROM aga.entries AS e WHERE e.chain = $1 AND e.seq > $2${IN_ORDER}) AS r
  ) AS news (first, hashes, kinds, entries)`;
