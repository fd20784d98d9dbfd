import type { Row, Touch } from '../ports.ts';

/** What the index by artifact holds of an entry, each once. */
export function touchesOf({
  names,
  within,
  sequence_number: seq,
}: Pick<Row, 'names' | 'within' | 'sequence_number'>): Touch[] {
  const direct = new Set(names);
  const above = new Set(within.filter((artifact) => !direct.has(artifact)));
  return [
    ...Array.from(direct, (artifact): Touch => ({ artifact, direct: 1, seq })),
    ...Array.from(above, (artifact): Touch => ({ artifact, direct: 0, seq })),
  ];
}
