/** One blob in one file beside a store, replaced whole: a reader finds the old bytes or the new ones, never half. */
import { randomUUID } from 'node:crypto';
import { readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Cache } from '../ports.ts';
import { placeOf } from './place.ts';

export function fileCache(path: string): Cache {
  const isInPlace = placeOf(dirname(path));
  return {
    async load() {
      // Whatever keeps it from being read, the truth is elsewhere.
      return readFile(path).then(plain, () => undefined);
    },

    /** Never rejects: a cache that cannot be written makes the next start slower, it does not make a call fail. */
    async save(bytes) {
      // Another folder of that name is of another chain.
      if (!isInPlace()) return;
      const draft = `${path}.${randomUUID()}.tmp`;
      try {
        // Flushed before it gets its name, or a power cut could leave the new name with no bytes.
        await writeFile(draft, bytes, { mode: 0o600, flag: 'wx', flush: true });
        await rename(draft, path);
      } catch {
        await unlink(draft).catch(() => undefined);
      }
    },
  };
}

const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
