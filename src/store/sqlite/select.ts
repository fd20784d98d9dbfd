/** A query as SQL: every form walks an index in order, and reads nothing before `after` or behind `limit`. */
import { fromHex } from '../../base/encoding.ts';
import type { Query } from '../../ports.ts';

interface Select {
  readonly sql: string;
  readonly values: Record<string, string | number | Uint8Array>;
}

export function selectOf({ after, limit, kind, names, within }: Query): Select {
  const values = {
    after,
    limit,
    ...(kind !== undefined && { kind }),
    ...(names !== undefined && { names: blob(names) }),
    ...(within !== undefined && { within: blob(within) }),
  };
  const filter = kind === undefined ? '' : ' AND kind = $kind';
  if (names !== undefined)
    return { sql: `${touching('$names', 1)}${filter}${within === undefined ? '' : TOO}${END}`, values };
  if (within === undefined) return { sql: `${ALL}${filter}${END}`, values };
  // Two ranges of one index, each in order: SQLite merges them without sorting.
  return { sql: `${touching('$within', 1)}${filter} UNION ALL ${touching('$within', 0)}${filter}${END}`, values };
}

const ALL = 'SELECT seq, hash, kind, entry FROM entries WHERE seq > $after';
const END = ' ORDER BY seq LIMIT $limit';
const TOO =
  ' AND EXISTS (SELECT 1 FROM touches AS t WHERE t.artifact = $within AND t.direct IN (0, 1) AND t.seq = entries.seq)';

/** CROSS JOIN keeps the order: first the artifact's range, then the entries one by one; the number is taken from the range, which is known to be in order. */
const touching = (artifact: string, direct: 0 | 1): string =>
  `SELECT touches.seq AS seq, hash, kind, entry FROM touches CROSS JOIN entries ON entries.seq = touches.seq ` +
  `WHERE artifact = ${artifact} AND direct = ${direct} AND touches.seq > $after`;

/** What is no hash is named by no entry. */
const blob = (artifact: string): Uint8Array => fromHex(artifact) ?? new Uint8Array();
