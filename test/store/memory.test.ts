import { expect, test } from 'vitest';
import { indexContract, storeContract } from './contract.ts';
import { FaultyStore } from './faulty.ts';
import { MemoryCache, MemoryStore } from './memory.ts';
import { batchAfter } from './rows.ts';

storeContract('memory', async () => {
  const store = new MemoryStore();
  return { store, again: async () => store };
});

indexContract('memory', async () => new MemoryStore());

storeContract('memory behind a fault injector at rest', async () => {
  const store = new FaultyStore(new MemoryStore());
  return { store, again: async () => store };
});

test('the fault injector does what it says', async () => {
  const store = new FaultyStore(new MemoryStore());
  const append = () => store.commit(0, (_, head) => batchAfter(head, [{}]));
  const size = async () => (await store.read({ after: -1, limit: 9 })).rows.length;
  store.faults.push('not written', 'written', undefined, 'refused');
  await expect(append()).rejects.toThrow('not written');
  expect(await size()).toBe(0);
  await expect(append()).rejects.toThrow('but written');
  expect(await size()).toBe(1);
  await append();
  await expect(append()).rejects.toThrow('before it began');
  expect(await size()).toBe(2);
  store.unreadable = new Error('away');
  await expect(size()).rejects.toThrow('away');
});

test('a checkpoint is kept for every batch', async () => {
  const store = new MemoryStore();
  const batch = batchAfter(null, [{}, {}]);
  await store.commit(0, () => batch);
  expect(await store.checkpoint(2)).toBe(batch.head.checkpoint);
  expect(await store.checkpoint(1)).toBeUndefined();
});

test('a cache in memory keeps a copy', async () => {
  const cache = new MemoryCache();
  expect(await cache.load()).toBeUndefined();
  const bytes = Uint8Array.of(1, 2);
  await cache.save(bytes);
  bytes[0] = 9;
  expect(await cache.load()).toEqual(Uint8Array.of(1, 2));
});
