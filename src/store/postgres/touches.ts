/** The index by artifact as an audit sees it, in the order of its only key: see `PLANNER`. */
import type { Tallied, Touch } from '../../ports.ts';
import type { Cells, Statement } from './link.ts';

const list = (parameter: string): string => `string_to_array(${parameter}, ',')`;
const LACKING = `
  SELECT t.artifact, t.direct, t.seq FROM unnest(${list('$2')}, $3::smallint[], $4::bigint[]) AS t (artifact, direct, seq)
  WHERE NOT EXISTS (SELECT FROM aga.touches AS k
    WHERE k.chain = $1 AND k.artifact = decode(t.artifact, 'hex') AND k.direct = t.direct AND k.seq = t.seq)`;

export const lackingOf = (chain: number, touches: readonly Touch[]): Statement => ({
  name: 'lacking',
  text: LACKING,
  values: [
    chain,
    touches.map(({ artifact }) => artifact).join(),
    `{${touches.map(({ direct }) => direct).join()}}`,
    `{${touches.map(({ seq }) => seq).join()}}`,
  ],
});

export const lackingIn = (found: readonly Cells[]): Touch[] =>
  found.map(([artifact, direct, seq]) => ({
    artifact: String(artifact),
    direct: direct === 1 ? 1 : 0,
    seq: Number(seq),
  }));

/** Where a part ends, so that the next one begins behind it. */
export type Edge = readonly [artifact: string, direct: number, seq: number];

export const FIRST: Edge = ['', -1, -1];

const PART = 10_000;
const TALLY = `
  SELECT encode(t.artifact, 'hex'), t.direct, max(t.seq),
    count(*) FILTER (WHERE t.seq < $2 OR t.seq > (SELECT max(seq) FROM aga.entries WHERE chain = $1))
  FROM (
    SELECT artifact, direct, seq FROM aga.touches
    WHERE chain = $1 AND (artifact, direct, seq) > (decode($3, 'hex'), $4::smallint, $5::bigint)
    ORDER BY artifact, direct, seq LIMIT ${PART}
  ) AS t GROUP BY t.artifact, t.direct ORDER BY t.artifact, t.direct`;

export const tallyOf = (chain: number, size: number, from: Edge): Statement => ({
  name: 'tally',
  text: TALLY,
  values: [chain, size, ...from],
});

/** The next part, and where it ends; none behind the last. */
export function talliedIn(found: readonly Cells[]): { part: readonly Tallied[]; end: Edge } | undefined {
  const last = found.at(-1);
  if (last === undefined) return undefined;
  const [artifact, direct, seq] = last;
  return {
    part: found.map(([artifact, , , many]) => ({ artifact: String(artifact), many: Number(many) })),
    end: [String(artifact), Number(direct), Number(seq)],
  };
}
