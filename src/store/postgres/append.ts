/** A batch as one SQL statement: what costs time under the lock is round trips, not rows. */
import type { Batch } from '../../ports.ts';
import type { Statement } from './link.ts';

const TEXT = `
  WITH put AS (
    INSERT INTO aga.entries (chain, seq, hash, kind, entry)
    SELECT $1, seq, decode(hash, 'hex'), kind, entry
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) AS e (seq, hash, kind, entry)
  ), touched AS (
    INSERT INTO aga.touches (chain, artifact, direct, seq)
    SELECT $1, decode(artifact, 'hex'), direct, seq
    FROM unnest($6::text[], $7::smallint[], $8::bigint[]) AS t (artifact, direct, seq)
  ), completed AS (
    INSERT INTO aga.nodes (chain, level, idx, hash)
    SELECT $1, level, idx, decode(hash, 'hex')
    FROM unnest($9::smallint[], $10::bigint[], $11::text[]) AS n (level, idx, hash)
  )
  INSERT INTO aga.checkpoints (chain, size, note, frontier) VALUES ($1, $12, $13, decode($14, 'hex'))`;

export function appendOf(chain: number, { rows, head }: Batch): Statement {
  const touched: { readonly artifact: string; readonly direct: 0 | 1; readonly seq: number }[] = [];
  for (const { names, within, sequence_number: seq } of rows) {
    for (const artifact of new Set(names)) touched.push({ artifact, direct: 1, seq });
    for (const artifact of new Set(within)) if (!names.includes(artifact)) touched.push({ artifact, direct: 0, seq });
  }
  const nodes = rows.flatMap((row) => row.nodes ?? []);
  const values = [
    chain,
    rows.map(({ sequence_number }) => sequence_number),
    rows.map(({ entry_hash }) => entry_hash),
    rows.map(({ kind }) => kind),
    rows.map(({ entry }) => entry),
    touched.map(({ artifact }) => artifact),
    touched.map(({ direct }) => direct),
    touched.map(({ seq }) => seq),
    nodes.map(({ level }) => level),
    nodes.map(({ index }) => index),
    nodes.map(({ hash }) => hash),
    head.size,
    head.checkpoint,
    head.frontier.join(''),
  ];
  return { name: 'append', text: TEXT, values };
}
