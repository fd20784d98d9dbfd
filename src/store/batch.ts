import type { Batch } from '../ports.ts';

/** What no store may write. @throws TypeError, since only our own bug makes such a batch. */
export function checkBatch({ rows, head }: Batch, size: number): void {
  if (rows.length === 0) throw new TypeError('a batch without entries');
  if (rows.some(({ sequence_number }, i) => sequence_number !== size + i))
    throw new TypeError('entries out of sequence');
  if (head.size !== size + rows.length || head.entry_hash !== rows.at(-1)?.entry_hash)
    throw new TypeError('a head that is not that of its entries');
}
