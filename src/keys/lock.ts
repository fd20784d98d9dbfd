/**
 * One command at a time changes the keys of a folder. The lock is the system's, held by an open database without tables:
 * a process that is killed leaves none behind.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CannotStart } from '../cannot-start.ts';

const WAIT_MS = 10_000;

/** Waits for the lock; returns how to release it. Throws `CannotStart`. */
export function lockKeys(directory: string): () => void {
  const path = join(directory, 'keys.lock');
  // A static import would be one on every start.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  try {
    writeFileSync(path, '', { mode: 0o600, flag: 'a' });
    const lock = new DatabaseSync(path);
    lock.exec(`PRAGMA busy_timeout = ${WAIT_MS}; BEGIN EXCLUSIVE`);
    return () => lock.close();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CannotStart(
      /locked/.test(message)
        ? `Another process changes the keys in ${directory}. Wait until it is done.`
        : `The keys in ${directory} cannot be changed: ${path} cannot be written (${code}).`,
    );
  }
}
