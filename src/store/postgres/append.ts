/**
 * A batch as SQL statements, one for the rows of each piece that is handed over: what costs time under the lock is round
 * trips and bytes. The columns go as lines of text: an array literal would have every quote of every entry escaped here
 * and read back there, which costs a quarter more.
 */
import type { Head, Row } from '../../ports.ts';
import { touchesOf } from '../touches.ts';
import type { Statement } from './link.ts';

const lines = (parameter: string): string => `string_to_array(${parameter}, E'\\n')`;
const ROWS = `
  WITH put AS (
    INSERT INTO aga.entries (chain, seq, hash, kind, entry)
    SELECT $1, $2 + n - 1, decode(hash, 'hex'), kind, entry
    FROM unnest(${lines('$3')}, ${lines('$4')}, ${lines('$5')}) WITH ORDINALITY AS e (hash, kind, entry, n)
  ), touched AS (
    INSERT INTO aga.touches (chain, artifact, direct, seq)
    SELECT $1, decode(artifact, 'hex'), direct, seq
    FROM unnest(${lines('$6')}, $7::smallint[], $8::bigint[]) AS t (artifact, direct, seq)
  ), completed AS (
    INSERT INTO aga.nodes (chain, level, idx, hash)
    SELECT $1, level, idx, decode(hash, 'hex')
    FROM unnest($9::smallint[], $10::bigint[], ${lines('$11')}) AS n (level, idx, hash)
  )`;
const ROWS_ALONE = `${ROWS} SELECT`;
const ROWS_AND_HEAD = `${ROWS}
  INSERT INTO aga.checkpoints (chain, size, note, frontier) VALUES ($1, $12, $13, '')`;

/** Rows that others of the same transaction follow. @throws TypeError on an entry that is not canonical JSON. */
export function pieceOf(chain: number, rows: readonly Row[]): Statement {
  return { name: 'piece', text: ROWS_ALONE, values: valuesOf(chain, rows) };
}

/** The last rows of a transaction, and the head. @throws TypeError on an entry that is not canonical JSON. */
export function appendOf(chain: number, rows: readonly Row[], { size, checkpoint }: Head): Statement {
  return {
    name: 'append',
    text: ROWS_AND_HEAD,
    values: [...valuesOf(chain, rows), size, checkpoint],
  };
}

function valuesOf(chain: number, rows: readonly Row[]): readonly unknown[] {
  // Canonical JSON has no line ends: only our own bug makes one.
  if (rows.some(({ entry }) => entry.includes('\n'))) throw new TypeError('an entry of several lines');
  const touched = rows.flatMap(touchesOf);
  const nodes = rows.flatMap((row) => row.nodes ?? []);
  return [
    chain,
    rows[0]?.sequence_number,
    rows.map(({ entry_hash }) => entry_hash).join('\n'),
    rows.map(({ kind }) => kind).join('\n'),
    rows.map(({ entry }) => entry).join('\n'),
    touched.map(({ artifact }) => artifact).join('\n'),
    numbers(touched.map(({ direct }) => direct)),
    numbers(touched.map(({ seq }) => seq)),
    numbers(nodes.map(({ level }) => level)),
    numbers(nodes.map(({ index }) => index)),
    nodes.map(({ hash }) => hash).join('\n'),
  ];
}

const numbers = (list: readonly number[]): string => `{${list.join()}}`;
