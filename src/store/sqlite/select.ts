/** A query as SQL: every form walks one index in order, and reads nothing before `after` or behind `limit`. */
import { fromHex } from '../../base/encoding.ts';
import type { Query } from '../../ports.ts';

interface Select {
  readonly sql: string;
  /** In the order of the question marks; `limit` comes last and is the caller's to add. */
  readonly values: (string | number | Uint8Array)[];
}

const DIRECT = 1;
const SUBTREE = 0;

export function selectOf({ after, kind, names, within }: Query): Select {
  const touched = [
    ...(names === undefined ? [] : [{ artifact: blob(names), direct: DIRECT }]),
    ...(within === undefined ? [] : [{ artifact: blob(within), direct: SUBTREE }]),
  ];
  // CROSS JOIN keeps the order of the tables: the artifact's range first, then the entries by number.
  const tables = [...touched.map((_, i) => `touches AS t${i}`), 'entries'].join(' CROSS JOIN ');
  const order = touched.length === 0 ? 'entries.seq' : 't0.seq';
  const conditions = touched.flatMap((_, i) => [
    `t${i}.artifact = ? AND t${i}.direct = ?`,
    i === 0 ? 'entries.seq = t0.seq' : `t${i}.seq = t0.seq`,
  ]);
  if (kind !== undefined) conditions.push('entries.kind = ?');
  conditions.push(`${order} > ?`);
  return {
    sql: `SELECT entries.seq, hash, kind, entry FROM ${tables} WHERE ${conditions.join(' AND ')} ORDER BY ${order} LIMIT ?`,
    values: [
      ...touched.flatMap(({ artifact, direct }) => [artifact, direct]),
      ...(kind === undefined ? [] : [kind]),
      after,
    ],
  };
}

/** What is no hash is named by no entry. */
const blob = (artifact: string): Uint8Array => fromHex(artifact) ?? new Uint8Array();
