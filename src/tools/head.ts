import { fromBase64, toHex } from '../base/encoding.ts';
import type { Head } from '../ports.ts';

/** A signed note as readers see it; one that nobody can read has no size. */
export function noteOf(checkpoint: string): { size: number; root_hash: string; checkpoint: string } {
  const [, size = '', encoded = ''] = checkpoint.split('\n');
  const root = fromBase64(encoded);
  return { size: /^\d{1,15}$/.test(size) ? Number(size) : 0, root_hash: root ? toHex(root) : '', checkpoint };
}

/** The head as readers see it: the root is the third line of the signed note. */
export function headOf(head: Head | null): { size: number; root_hash: string; checkpoint: string } {
  if (!head) return { size: 0, root_hash: '', checkpoint: '' };
  const root = fromBase64(head.checkpoint.split('\n')[2] ?? '');
  return { size: head.size, root_hash: root ? toHex(root) : '', checkpoint: head.checkpoint };
}
