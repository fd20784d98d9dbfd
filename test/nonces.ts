/** Nonces of one process, which forget nothing. */
import type { Nonces } from '../src/ports.ts';

export function memoryNonces(): Nonces {
  const seen = new Set<string>();
  return { once: async (id) => seen.size < seen.add(id).size };
}
