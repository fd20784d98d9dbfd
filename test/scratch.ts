/** Folders that are gone when the tests of a file are over. */
import { cpSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const made: string[] = [];
// The first hook of a file is its last to run: what works in these folders has ended by then.
afterAll(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** A new one, with what is in another one where that is named. Its path has no links in it. */
export function directory(like?: string): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'aga-test-')));
  made.push(path);
  if (like !== undefined) cpSync(like, path, { recursive: true });
  return path;
}
