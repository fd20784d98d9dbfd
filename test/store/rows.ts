/** Entries as a sequencer would write them, with nothing in them that a store must understand. */
import { createHash } from 'node:crypto';
import { toHex } from '../../src/base/encoding.ts';
import { sealEntry, ZERO_HASH } from '../../src/chain/entry.ts';
import type { Batch, Head, Row } from '../../src/ports.ts';

export interface Content {
  readonly kind?: string;
  readonly names?: readonly string[];
  readonly within?: readonly string[];
  readonly note?: string;
}

/** The hash of an artifact that does not exist. */
export const artifact = (name: string): string => createHash('sha256').update(name).digest('hex');

/** What follows `head`: linked entries, and text where a checkpoint would be. */
export function batchAfter(head: Head | null, contents: readonly Content[]): Batch {
  let size = head?.size ?? 0;
  let previous = head?.entry_hash ?? ZERO_HASH;
  const rows = contents.map(({ kind = 'DECISION', names = [], within = names, note = '' }): Row => {
    const { text, hash } = sealEntry({
      chain: 'test',
      sequence_number: size,
      timestamp: '2026-11-20T10:00:00.000Z',
      previous_hash: previous,
      event: { kind, note },
    });
    size += 1;
    previous = toHex(hash);
    return { sequence_number: size - 1, entry_hash: previous, entry: text, kind, names, within };
  });
  return { rows, head: { size, entry_hash: previous, checkpoint: `test\n${size}\n${previous}\n` } };
}

/** Whether these are all the entries up to `head`, each linked to the one before and hashed as it says. */
export function isWhole(rows: readonly Row[], head: Head | null): boolean {
  const contents = rows.map(({ kind, entry }) => ({ kind, note: String(JSON.parse(entry).event.note) }));
  const expected = rows.length === 0 ? null : batchAfter(null, contents);
  const found = rows.map(({ entry_hash, entry }) => entry_hash + entry).join('\n');
  const wanted = (expected?.rows ?? []).map(({ entry_hash, entry }) => entry_hash + entry).join('\n');
  return found === wanted && JSON.stringify(head) === JSON.stringify(expected?.head ?? null);
}
