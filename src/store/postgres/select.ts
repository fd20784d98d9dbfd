/** A query as one SQL statement, and so of one consistent view: every form walks an index in order. */
import { fromHex, toHex } from '../../base/encoding.ts';
import type { Head, Page, Query, Row } from '../../ports.ts';
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
  const filter = kind === undefined ? '' : ` AND e.kind = ${bind(kind)}`;
  // The artifact's range comes first, then its entries one by one: an expression cannot tempt to the index by kind.
  const sieve = filter.replace('e.kind', "e.kind || ''");
  const touching = (artifact: string, direct: 0 | 1, more = ''): string =>
    `SELECT t.seq AS seq, ${COLUMNS} FROM aga.touches AS t JOIN aga.entries AS e ON e.chain = t.chain AND e.seq = t.seq ` +
    `WHERE t.chain = $1 AND t.artifact = ${artifact} AND t.direct = ${direct} AND t.seq > $2${sieve}${more}`;
  let rows: string;
  if (names !== undefined) {
    const named = bind(blob(names));
    const too = within === undefined ? '' : belongs(bind(blob(within)));
    rows = touching(named, 1, too) + TOUCHED;
  } else if (within !== undefined) {
    const of = bind(blob(within));
    // Two ranges of one index, each in order: they are merged without sorting all of them.
    rows = `(${touching(of, 1)}${TOUCHED}) UNION ALL (${touching(of, 0)}${TOUCHED})${END}`;
  } else {
    rows = `SELECT e.seq AS seq, ${COLUMNS} FROM aga.entries AS e WHERE e.chain = $1 AND e.seq > $2${filter}${END}`;
  }
  const text = `(${HEAD}) UNION ALL (SELECT seq, hash, kind, entry, false FROM (${rows}) AS r)`;
  return { name: nameOf(text), text, values };
}

/** The head and every row from `size` on. */
export const newsFrom = (chain: number, size: number): string => `EXECUTE news (${chain}, ${size - 1}, ${MOST})`;

/** What a page statement found. */
export function page(found: readonly Cells[]): Page {
  const rows: Row[] = [];
  let head: Head | null = null;
  for (const [number, hash, kindOrFrontier, text, isHead] of found) {
    if (isHead === true) {
      const frontier = String(kindOrFrontier).match(/.{64}/g) ?? [];
      head = { size: Number(number), entry_hash: String(hash ?? ''), checkpoint: String(text), frontier };
    } else {
      const [sequence_number, entry_hash, entry, kind] = [
        Number(number),
        String(hash),
        String(text),
        String(kindOrFrontier),
      ];
      rows.push({ sequence_number, entry_hash, kind, entry, names: [], within: [] });
    }
  }
  return { rows, head };
}

/** The largest LIMIT that there is. */
const MOST = Number.MAX_SAFE_INTEGER;
const COLUMNS = `encode(e.hash, 'hex') AS hash, e.kind AS kind, e.entry AS entry`;
const END = ' ORDER BY seq LIMIT $3';
const TOUCHED = ' ORDER BY t.seq LIMIT $3';
/** Where the last entry has been cut off, the head still says that there was one, and the reader finds it missing. */
const HEAD =
  `SELECT c.size AS seq, (SELECT encode(e.hash, 'hex') FROM aga.entries AS e WHERE e.chain = $1 AND e.seq = c.size - 1) AS hash, encode(c.frontier, 'hex') AS kind, c.note AS entry, true ` +
  'FROM aga.checkpoints AS c WHERE c.chain = $1 ORDER BY c.size DESC LIMIT 1';

/** As the head does, each side looks up one row: a join, or EXISTS, would be planned as a table of all there are. */
const belongs = (artifact: string): string => {
  const found = (direct: 0 | 1): string =>
    '(SELECT 1 FROM aga.touches AS u ' +
    `WHERE u.chain = $1 AND u.artifact = ${artifact} AND u.direct = ${direct} AND u.seq = t.seq)`;
  return ` AND coalesce(${found(1)}, ${found(0)}) = 1`;
};

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
export const PREPARE_NEWS = `PREPARE news (integer, bigint, bigint) AS ${pageOf(0, { after: -1, limit: 1 }).text}`;
