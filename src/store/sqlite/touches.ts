/** The index by artifact as an audit sees it, in the order of its only key. */
import type { SQLInputValue } from 'node:sqlite';
import { fromHex, toHex } from '../../base/encoding.ts';
import type { Tallied, Touch } from '../../ports.ts';

type All = (sql: string, ...values: SQLInputValue[]) => readonly Record<string, unknown>[];

const HELD = 'SELECT 1 FROM touches WHERE artifact = ? AND direct = ? AND seq = ?';

export const lackingIn = (all: All, touches: readonly Touch[]): readonly Touch[] =>
  touches.filter(({ artifact, direct, seq }) => all(HELD, fromHex(artifact) ?? null, direct, seq).length === 0);

/** Where a part ends, so that the next one begins behind it. */
export type Edge = readonly [artifact: Uint8Array, direct: number, seq: number];

export const FIRST: Edge = [new Uint8Array(), -1, -1];

const PART = 10_000;
const TALLY = `
  SELECT artifact, direct, max(seq) AS last, sum(seq < ? OR seq > (SELECT max(seq) FROM entries)) AS many FROM (
    SELECT artifact, direct, seq FROM touches WHERE (artifact, direct, seq) > (?, ?, ?)
    ORDER BY artifact, direct, seq LIMIT ${PART}
  ) GROUP BY artifact, direct ORDER BY artifact, direct`;

/** The next part, and where it ends; none behind the last. */
export function talliedIn(all: All, size: number, from: Edge): { part: readonly Tallied[]; end: Edge } | undefined {
  const rows = all(TALLY, size, ...from);
  const last = rows.at(-1);
  if (last === undefined) return undefined;
  return {
    part: rows.map(({ artifact, many }) => ({ artifact: hex(artifact), many: Number(many) })),
    end: [bytes(last.artifact), Number(last.direct), Number(last.last)],
  };
}

/** SQLite's own bytes; the table is STRICT. */
const bytes = (cell: unknown): Uint8Array => (cell instanceof Uint8Array ? cell : new Uint8Array());
const hex = (cell: unknown): string => toHex(bytes(cell));
