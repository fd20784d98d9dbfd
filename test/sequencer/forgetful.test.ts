/** A database that crashes comes back without what it was not made to keep; nobody was told of that, and nobody is stopped by it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/base/refusal.ts';
import type { Decide, End, Head, Page, Query, Row, Store } from '../../src/ports.ts';
import { checkBatch } from '../../src/store/batch.ts';
import { type Kernel, kernel, refusal } from '../kernel.ts';
import { MemoryCache } from '../store/memory.ts';

/** One database for many replicas. What is committed is read by all at once, and kept from the next flush on. */
class Forgetful implements Store {
  rows: Row[] = [];
  heads: Head[] = [];
  kept = 0;
  /** Turns of the event loop that a flush takes. */
  slow = 1;

  async read({ after, limit }: Query): Promise<Page> {
    await turn();
    return { rows: this.rows.slice(after + 1, after + 1 + limit), head: this.heads.at(-1) ?? null };
  }

  async commit(size: number, decide: Decide): Promise<void> {
    await turn();
    const batch = decide(this.rows.slice(size), this.heads.at(-1) ?? null);
    if (batch === null) return;
    checkBatch(batch, this.rows.length);
    this.rows.push(...batch.rows);
    this.heads.push(batch.head);
  }

  async durable({ size, entry_hash }: End): Promise<void> {
    for (let turns = 0; turns < this.slow; turns++) await turn();
    if (size > 0 && this.rows[size - 1]?.entry_hash !== entry_hash)
      throw new Refusal('CHAIN_CONTENDED', 'The database has crashed.');
    this.kept = Math.max(this.kept, this.rows.length);
  }

  async close(): Promise<void> {}

  /** Comes back with so many entries, or all that were kept. */
  crash(size = this.kept): void {
    this.heads = this.heads.filter((head) => head.size <= size);
    this.rows = this.rows.slice(0, this.heads.at(-1)?.size ?? 0);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const QUESTION = { capability: 'tool.call', resource: 'x' };

describe('a database that forgets what it was not made to keep', () => {
  it('stops nobody, whoever had followed it: every answer stays, and every other call is told to come again', async () => {
    const act = fc.record({
      who: fc.nat(2),
      what: fc.constantFrom('create', 'create', 'create', 'ask', 'crash' as const),
      pause: fc.nat(3),
      slow: fc.integer({ min: 1, max: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 40 }), async (acts) => {
        const store = new Forgetful();
        const replicas = [0, 1, 2].map(() => kernel({ store }));
        const first = await replicas[0]!.call('aga_create_artifact', {});
        const told = [first.artifact_hash];
        const going: Promise<void>[] = [];
        for (const { who, what, pause, slow } of acts) {
          store.slow = slow;
          const { call } = replicas[who] as Kernel;
          if (what === 'crash') store.crash();
          else
            going.push(
              (what === 'create'
                ? call('aga_create_artifact', {}).then(({ artifact_hash }) => void told.push(artifact_hash))
                : call('aga_check_permission', { artifact_hash: first.artifact_hash, ...QUESTION })
              ).catch((error) => expect(error).toMatchObject({ code: 'CHAIN_CONTENDED' })),
            );
          for (let turns = 0; turns < pause; turns++) await turn();
        }
        await Promise.all(going);
        store.crash();
        for (const { call } of replicas) told.push((await call('aga_create_artifact', {})).artifact_hash);
        const { findings } = await replicas[2]!.audit();
        expect(findings).toEqual([]);
        for (const artifact_hash of told)
          expect((await replicas[1]!.call('aga_inspect', { artifact_hash })).artifact_hash).toBe(artifact_hash);
      }),
      { numRuns: 150 },
    );
  });

  it('is noticed, for good, where it forgets what was answered for', async () => {
    const store = new Forgetful();
    const [a, b] = [kernel({ store }), kernel({ store })];
    const { artifact_hash } = await a.call('aga_create_artifact', {});
    await b.call('aga_delegate_to_subagent', { parent_artifact_hash: artifact_hash });
    await a.call('aga_create_artifact', {});
    store.slow = 20;
    // Not answered yet when the database fails: `a` has followed it, so that it has more than was answered for.
    const unanswered = b.call('aga_create_artifact', {}).catch((error) => error.code);
    for (let turns = 0; turns < 6; turns++) await turn();
    const asked = a.call('aga_check_permission', { artifact_hash, ...QUESTION }).catch((error) => error.code);
    for (let turns = 0; turns < 12; turns++) await turn();
    store.crash(3);
    expect(await unanswered).toBe('CHAIN_CONTENDED');
    await asked;
    store.slow = 1;
    expect(await refusal(a.call('aga_create_artifact', {}))).toMatchObject({
      code: 'CHAIN_BROKEN',
      message: 'Entry 3, which this process has confirmed, is gone from the store.',
    });
    expect(await refusal(a.call('aga_create_artifact', {}))).toMatchObject({ code: 'CHAIN_BROKEN' });
  });

  it('leaves no mark of what was lost: a restart finds nothing missing', async () => {
    const store = new Forgetful();
    const caches = { snapshot: new MemoryCache(), checkpoint: new MemoryCache() };
    const { call, service } = kernel({ store, caches });
    const input = { request_id: 'once' };
    const first = await call('aga_create_artifact', input);
    const lost = call('aga_create_artifact', {}).catch((error) => error.code);
    while (store.rows.length === store.kept) await turn();
    store.crash();
    expect(await lost).toBe('CHAIN_CONTENDED');
    // Answered from what stands there: nothing is appended.
    expect(await call('aga_create_artifact', input)).toEqual(first);
    await service.close();
    const kept = new TextDecoder().decode(await caches.checkpoint.load());
    expect(kept.split('\n')[1]).toBe('2');
    expect(await kernel({ store, caches }).call('aga_create_artifact', input)).toEqual(first);
  });

  it('answers no question from what was lost, although the chain has grown past it since', async () => {
    const store = new Forgetful();
    const [a, b] = [kernel({ store }), kernel({ store })];
    const { artifact_hash } = await a.call('aga_create_artifact', {});
    const held = Promise.withResolvers<void>();
    const durable = store.durable.bind(store);
    store.durable = (end) => held.promise.then(() => durable(end));
    const codes = [a.call('aga_create_artifact', {}).catch((error) => error.code)];
    while (store.rows.length === store.kept) await turn();
    const [lost] = store.rows.at(-1)!.names;
    for (const asked of [artifact_hash, lost]) {
      codes.push(b.call('aga_check_permission', { artifact_hash: asked, ...QUESTION }).catch((error) => error.code));
      // The second waits for what the first waits for.
      for (let turns = 0; turns < 9; turns++) await turn();
    }
    store.crash();
    store.durable = durable;
    await b.call('aga_create_artifact', {});
    held.resolve();
    expect(await Promise.all(codes)).toEqual(Array(3).fill('CHAIN_CONTENDED'));
    await b.call('aga_create_artifact', {});
    expect((await b.audit()).findings).toEqual([]);
  });

  it('does not stop a batch that is decided anew because one of its requests was refused halfway', async () => {
    const store = new Forgetful();
    const { service, operator, call, audit } = kernel({ store });
    await call('aga_create_artifact', {});
    const noted = { kind: 'REFUSAL', code: 'INTERNAL', artifact_hash: null, binding: 'handle', tool: 'x' } as const;
    const again = { kind: 'GENESIS', authority: '', log_key: '', signature: '' } as const;
    const halfway = { event: noted, after: [again], tell: () => null };
    const other = kernel({ store });
    await other.call('aga_create_artifact', {});
    store.slow = 1e9;
    const unanswered = other.call('aga_create_artifact', {}).catch((error) => error.code);
    const commit = store.commit.bind(store);
    let commits = 0;
    store.commit = async (...given) => {
      // Between the ledger that it opens anew and what is appended to that.
      if (++commits === 3) {
        store.crash();
        store.slow = 1;
      }
      return commit(...given);
    };
    while (store.rows.length === store.kept) await turn();
    const refused = service.ask({ name: 'half', caller: operator, writes: true, decide: () => halfway });
    const beside = call('aga_create_artifact', {});
    expect(await refusal(refused)).toMatchObject({ code: 'INVALID_REQUEST' });
    await beside;
    expect(await unanswered).toBe('CHAIN_CONTENDED');
    expect((await audit()).findings).toEqual([]);
  });

  it('does not stop who opens a long chain while it happens', async () => {
    const store = new Forgetful();
    const { call } = kernel({ store });
    const { artifact_hash } = await call('aga_create_artifact', { max_children: 5000 });
    const input = { parent_artifact_hash: artifact_hash };
    const many = (count: number) =>
      Promise.all(Array.from({ length: count }, () => call('aga_delegate_to_subagent', input).catch(() => undefined)));
    for (let batch = 0; batch < 4; batch++) await many(249);
    store.durable = () => Promise.reject(new Error('away'));
    await many(8);
    const { kept } = store;
    expect([kept, store.rows.length]).toEqual([998, 1006]);
    const fresh = new Forgetful();
    Object.assign(fresh, { rows: store.rows, heads: store.heads, kept });
    const read = fresh.read.bind(fresh);
    fresh.read = async (query) => {
      const page = await read(query);
      fresh.crash();
      return page;
    };
    const asked = kernel({ store: fresh }).call('aga_check_permission', { artifact_hash, ...QUESTION });
    expect(await asked).toMatchObject({ allowed: true });
  });
});
