/**
 * Which entries are in several ranges of an index at once, in order, as one recursive statement that SQLite and PostgreSQL
 * both understand.
 *
 * Reading one range and asking of each entry whether it is in the others takes as long as that range is, and an artifact
 * near the root has a million decisions and a handful of revocations. Here the ranges overtake each other instead: each is
 * asked in turn for its first number from where the last one stands, and what all of them name one after the other is in
 * all of them. That takes no more steps than the shortest range has entries, each one look into an index.
 */

/** The first number of a range that is not below `from`, as a scalar subquery; null behind its end. */
export type Source = (from: string) => string;

/** A common table expression `leap` whose rows with `HIT` are the numbers above `after` that are in all sources. */
export function leap(after: string, sources: readonly Source[]): string {
  const lower = `CASE WHEN ${AGREED} = ${sources.length} THEN leap.seq + 1 ELSE leap.seq END`;
  const next = sources.map((source, index) => `WHEN ${index} THEN (${source(lower)})`).join(' ');
  const run = `CASE WHEN ${AGREED} = ${sources.length} THEN 0 ELSE ${AGREED} END`;
  return (
    `WITH RECURSIVE leap (low, seq, source, run) AS (SELECT CAST(NULL AS bigint), CAST(${after} AS bigint) + 1, 0, 0 ` +
    `UNION ALL SELECT ${lower}, CASE leap.source ${next} END, (leap.source + 1) % ${sources.length}, ${run} ` +
    'FROM leap WHERE leap.seq IS NOT NULL) '
  );
}

/** How many sources in a row have named the number of this row. */
const AGREED = 'CASE WHEN leap.low IS NULL THEN 0 WHEN leap.seq = leap.low THEN leap.run + 1 ELSE 1 END';

export const hit = (sources: readonly Source[]): string => `leap.seq IS NOT NULL AND ${AGREED} = ${sources.length}`;
