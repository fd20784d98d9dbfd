/** A database that crashes comes back without what it was not made to keep; nobody was told of that, and nobody is stopped by it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../src/base/refusal.ts';
import type { Decide, End, Head, Page, Query, Row, Store } from '../src/ports.ts';
import { checkBatch } from '../src/store/batch.ts';
import { type Kernel, kernel, refusal } from './kernel.ts';

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
      message: 'Entry 3, which was answered for here, is not there any more.',
    });
    expect(await refusal(a.call('aga_create_artifact', {}))).toMatchObject({ code: 'CHAIN_BROKEN' });
  });
});
