import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Refusal } from '../../src/base/refusal.ts';
import { SqliteNonces } from '../../src/store/nonces.ts';
import { directory } from '../scratch.ts';

const now = () => 1_000_000;
const open = (path: string) => new SqliteNonces(path, now);

/** Whether it is new there. */
async function isNew(path: string): Promise<boolean> {
  const nonces = open(path);
  return nonces.once('id', now() + 1000).finally(() => nonces.close());
}

it('a file that cannot be opened just now stays: in a new one, what was used once would be new', async () => {
  const path = join(directory(), 'nonces.db');
  expect(await isNew(path)).toBe(true);
  rmSync(`${path}-journal`, { force: true });
  mkdirSync(`${path}-journal`);
  expect(() => open(path)).toThrow(Refusal);
  expect(existsSync(path)).toBe(true);
  rmdirSync(`${path}-journal`);
  expect(await isNew(path)).toBe(false);
});

it('a file that a power cut has damaged is begun anew', async () => {
  const path = join(directory(), 'nonces.db');
  writeFileSync(path, 'half a page'.repeat(1000));
  expect(await isNew(path)).toBe(true);
  expect(await isNew(path)).toBe(false);
  // Whole at its beginning it can be opened, and nothing else.
  writeFileSync(path, readFileSync(path).fill(0, 4096));
  expect(await isNew(path)).toBe(true);
});
