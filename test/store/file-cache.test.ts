import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fileCache } from '../../src/store/file-cache.ts';
import { directory } from '../scratch.ts';

const scratch = directory();

test('the last bytes saved are loaded, by a later process too', async () => {
  const path = join(scratch, 'snapshot');
  expect(await fileCache(path).load()).toBeUndefined();
  for (const size of [0, 3, 1_000_000, 1]) {
    const bytes = new Uint8Array(size).fill(size);
    await fileCache(path).save(bytes);
    expect(await fileCache(path).load()).toEqual(bytes);
  }
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(scratch)).toEqual(['snapshot']);
});

test('saved by many at once, it is one of them and never a mixture', async () => {
  const path = join(scratch, 'many');
  const sizes = Array.from({ length: 20 }, (_, i) => 10_000 + i);
  const loads = sizes.map(async (size) => {
    await fileCache(path).save(new Uint8Array(size).fill(size % 256));
    return readFileSync(path);
  });
  for (const bytes of await Promise.all(loads)) expect(bytes.every((byte) => byte === bytes.length % 256)).toBe(true);
});

test('where it cannot be kept, nothing fails and nothing is left behind', async () => {
  const gone = fileCache(join(scratch, 'no', 'such', 'folder'));
  await gone.save(Uint8Array.of(1));
  expect(await gone.load()).toBeUndefined();
  const folder = join(scratch, 'folder');
  mkdirSync(folder);
  await fileCache(folder).save(Uint8Array.of(1));
  expect(await fileCache(folder).load()).toBeUndefined();
  expect(readdirSync(scratch).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

test('a folder that has taken the place of its own is left alone', async () => {
  const folder = join(scratch, 'replaced');
  mkdirSync(folder);
  const cache = fileCache(join(folder, 'snapshot'));
  renameSync(folder, `${folder}.moved`);
  mkdirSync(folder);
  await cache.save(Uint8Array.of(1));
  expect(readdirSync(folder)).toEqual([]);
});
