/** A query as SQL: every form walks an index in order, and reads nothing before `after` or behind `limit`. */
import { fromHex } from '../../base/encoding.ts';
import type { Query } from '../../ports.ts';
import { hit, leap, type Source } from '../leap.ts';

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
  const ranges: readonly (readonly [wanted: boolean, alone: string, source: Source])[] = [
    [names !== undefined, touching('$names', 1), touch('$names', 1)],
    // Two ranges of one index, each in order: SQLite merges them without sorting.
    [within !== undefined, `${touching('$within', 1)} UNION ALL ${touching('$within', 0)}`, either('$within')],
    [kind !== undefined, `${ALL} AND kind = $kind`, (from) => first('entries', 'kind = $kind', from)],
  ];
  const wanted = ranges.filter(([is]) => is);
  const [, alone] = wanted[0] ?? [true, ALL];
  if (wanted.length < 2) return { sql: `${alone}${END}`, values };
  const sources = wanted.map(([, , source]) => source);
  return { sql: `${leap('$after', sources)}${TOGETHER} WHERE ${hit(sources)} LIMIT $limit`, values };
}

const ALL = 'SELECT seq, hash, kind, entry FROM entries WHERE seq > $after';
const END = ' ORDER BY seq LIMIT $limit';
const TOGETHER = 'SELECT entries.seq AS seq, hash, kind, entry FROM leap CROSS JOIN entries ON entries.seq = leap.seq';

const first = (table: string, which: string, from: string): string =>
  `SELECT seq FROM ${table} WHERE ${which} AND seq >= ${from} ORDER BY seq LIMIT 1`;

const touch =
  (artifact: string, direct: 0 | 1): Source =>
  (from) =>
    first('touches', `artifact = ${artifact} AND direct = ${direct}`, from);

/** The lesser of the two; what is behind the end of one counts for nothing. */
const either =
  (artifact: string): Source =>
  (from) =>
    `SELECT min(seq) FROM (SELECT (${touch(artifact, 1)(from)}) AS seq UNION ALL SELECT (${touch(artifact, 0)(from)}))`;

/** CROSS JOIN keeps the order: first the artifact's range, then the entries one by one; the number is taken from the range, which is known to be in order. */
const touching = (artifact: string, direct: 0 | 1): string =>
  `SELECT touches.seq AS seq, hash, kind, entry FROM touches CROSS JOIN entries ON entries.seq = touches.seq ` +
  `WHERE artifact = ${artifact} AND direct = ${direct} AND touches.seq > $after`;

/** What is no hash is named by no entry. */
const blob = (artifact: string): Uint8Array => fromHex(artifact) ?? new Uint8Array();
