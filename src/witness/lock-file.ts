/** One process at a time changes a file: the one that created the lock file. The lock of a killed process goes stale. */
import { stat, unlink, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A change takes milliseconds; a lock of this age (in milliseconds) is nobody's. */
const STALE = 5_000;
const PAUSE = 20;

/** Throws the system's error where no lock can be made there. */
export async function withLockFile<T>(lock: string, change: () => Promise<T>): Promise<T> {
  while (!(await taken(lock))) {
    const { mtimeMs } = (await stat(lock).catch(() => undefined)) ?? { mtimeMs: Date.now() };
    // Two that find it old may both remove it, and the second the first one's new lock: the same harm as no lock, once.
    if (Math.abs(Date.now() - mtimeMs) > STALE) await removed(lock);
    else await sleep(PAUSE + Math.random() * PAUSE);
  }
  try {
    return await change();
  } finally {
    await unlink(lock).catch(() => undefined);
  }
}

/** What is no lock of ours, and cannot be removed, would be waited for without end. */
const removed = (lock: string): Promise<void> =>
  unlink(lock).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });

const taken = (lock: string): Promise<boolean> =>
  writeFile(lock, '', { flag: 'wx', mode: 0o600 }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
