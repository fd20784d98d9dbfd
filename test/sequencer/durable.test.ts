/** Nobody hears of what a power cut could still take back, and the next calls do not wait for the disk of the last. */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/base/refusal.ts';
import { operator } from '../../src/caller.ts';
import { WriteAheadLog } from '../../src/store/sqlite/write-ahead-log.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { kernel } from '../kernel.ts';
import { directory } from '../scratch.ts';
import { MemoryCache, MemoryStore } from '../store/memory.ts';
import { batchAfter } from '../store/rows.ts';

/** A disk that answers when it is told to. */
class SlowDisk extends MemoryStore {
  readonly waiting: { done(): void; fail(): void }[] = [];

  override durable(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ done: resolve, fail: () => reject(new Refusal('INTERNAL', 'The disk failed.')) });
    });
  }
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
};

async function stage() {
  const store = new SlowDisk();
  const caches = { snapshot: new MemoryCache(), checkpoint: new MemoryCache() };
  const { call, service } = kernel({ store, caches });
  const told: string[] = [];
  const tell = (name: string): Promise<unknown> =>
    call('aga_create_artifact', { subject: name }).then(
      () => told.push(name),
      (error) => told.push(`${name}: ${error.code}`),
    );
  return { store, caches, service, told, tell };
}

describe('an answer', () => {
  it('waits for the disk, and the next call is decided meanwhile', async () => {
    const { store, told, tell } = await stage();
    const first = tell('first');
    await turns();
    const second = tell('second');
    await turns();
    expect((await store.read({ after: -1, limit: 10 })).rows.map(({ kind }) => kind)).toEqual([
      'GENESIS',
      'ARTIFACT_CREATED',
      'ARTIFACT_CREATED',
    ]);
    expect(told).toEqual([]);
    store.waiting[0]?.done();
    await first;
    expect(told).toEqual(['first']);
    store.waiting[1]?.done();
    await second;
    expect(told).toEqual(['first', 'second']);
  });

  it('is not given where the disk failed', async () => {
    const { store, told, tell } = await stage();
    const first = tell('first');
    await turns();
    store.waiting[0]?.fail();
    await first;
    expect(told).toEqual(['first: INTERNAL']);
  });
});

describe('a question', () => {
  it('is not answered with what the disk may still lose', async () => {
    const { store, told, tell, service } = await stage();
    const first = tell('first');
    await turns();
    const question = service.ask({
      name: 'test',
      caller: operator(),
      writes: false,
      decide: ({ state }) => ({ answer: state.grants.size }),
    });
    const asked = question.then((size) => told.push(`sees ${size}`));
    const read = service.reader.read({ after: -1, limit: 9 }).then(({ rows }) => told.push(`reads ${rows.length}`));
    await turns();
    expect(told).toEqual([]);
    store.waiting[0]?.done();
    await Promise.all([first, asked, read]);
    expect(told[0]).toBe('first');
    expect(told.slice(1).sort()).toEqual(['reads 2', 'sees 1']);
    expect(store.waiting).toHaveLength(1);
    await service.ask({ name: 'test', caller: operator(), writes: false, decide: () => ({ answer: null }) });
  });

  it('has no answer where the disk failed', async () => {
    const { store, tell, service } = await stage();
    const first = tell('first');
    await turns();
    const read = service.reader.read({ after: -1, limit: 9 });
    const fails = expect(read).rejects.toMatchObject({ code: 'INTERNAL' });
    await turns();
    store.waiting[0]?.fail();
    await first;
    await turns();
    store.waiting[1]?.fail();
    await fails;
  });

  it('waits for the disk with what another process wrote', async () => {
    const { store, tell } = await stage();
    const first = tell('first');
    await turns();
    store.waiting[0]?.done();
    await first;
    const caches = { snapshot: new MemoryCache(), checkpoint: new MemoryCache() };
    const { call } = kernel({ store, caches });
    let isAnswered = false;
    const question = call('aga_query_chain', {}).then(() => {
      isAnswered = true;
    });
    await turns();
    expect(isAnswered).toBe(false);
    store.waiting[1]?.done();
    await question;
  });
});

describe('what is kept beside the chain', () => {
  it('knows of nothing that the disk may not have', async () => {
    const { store, caches, service, told, tell } = await stage();
    const calls = Array.from({ length: 70 }, (_, index) => tell(`${index}`));
    await turns();
    const closing = service.close();
    await turns();
    expect([await caches.snapshot.load(), await caches.checkpoint.load()]).toEqual([undefined, undefined]);
    store.waiting[0]?.done();
    await Promise.all(calls);
    await turns();
    expect(await caches.snapshot.load()).toBeUndefined();
    store.waiting[1]?.done();
    await closing;
    expect(told).toHaveLength(70);
    expect(await caches.snapshot.load()).toBeInstanceOf(Uint8Array);
    expect(await caches.checkpoint.load()).toBeInstanceOf(Uint8Array);
  });
});

describe('the write-ahead log', () => {
  // It syncs all there is.
  const END = { size: 1, entry_hash: '' };
  const scratch = directory();

  it('is synced for whoever asks, alone or together', async () => {
    const path = join(scratch, 'chain.db');
    const store = openSqlite(path, { journal: 'WAL' });
    for (const idle of [true, false, true]) {
      await store.commit(0, (_, head) => batchAfter(head, [{}]));
      await Promise.all([store.durable(END, idle), store.durable(END, false), store.durable(END, idle)]);
    }
    const closing = store.durable(END, false);
    await store.close();
    await closing;
  });

  // A device cannot be synced: the nearest thing to a broken disk that every Linux has.
  it.runIf(process.platform === 'linux')('is never trusted again after it failed', async () => {
    const path = join(scratch, 'broken');
    writeFileSync(path, '');
    symlinkSync('/dev/null', `${path}-wal`);
    for (const idle of [true, false]) {
      const log = new WriteAheadLog(path);
      await expect(log.sync(idle)).rejects.toMatchObject({ code: 'INTERNAL' });
      await expect(log.sync(!idle)).rejects.toThrow('The disk failed while an entry was written');
      expect(() => log.refuseAfterFailure()).toThrow('it may not be kept');
      await log.close();
    }
  });
});
