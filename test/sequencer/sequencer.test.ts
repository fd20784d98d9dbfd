/** Everything that can fail does, in both ways, at every commit; then the whole chain is held against the answers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signer } from '#ed25519';
import { Refusal } from '../../src/base/refusal.ts';
import type { Batch, Cache, Head, Row, Store } from '../../src/ports.ts';
import { type Answer, act, type Deed, deeds, doOne } from '../authority/deeds.ts';
import { audited, chainOf, entriesOf, headOver, rebuilt } from '../authority/forge.ts';
import { as, KEYS, kernel, kinds, refusal, START, seed } from '../kernel.ts';
import { type Fault, FaultyStore } from '../store/faulty.ts';
import { MemoryCache, MemoryStore } from '../store/memory.ts';

/** Every request of a history with a key of its own, so that it can be asked again. */
const keyed = (history: readonly Deed[]): Deed[] =>
  history.map((deed, index) =>
    deed.do === 'create' || deed.do === 'delegate' ? { ...deed, key: 1000 + index } : deed,
  );

type Stage = Parameters<typeof doOne>[0];

/** As a client does that is told to try again. */
async function insist(stage: Stage, deed: Deed, made: string[]): Promise<{ answer: Answer; tries: number }> {
  for (let tries = 1; tries < 5; tries++) {
    try {
      const answer = await doOne(stage, deed, made);
      if (answer.code !== 'CHAIN_CONTENDED') return { answer, tries };
    } catch (error) {
      if (error instanceof TypeError || error instanceof Refusal) throw error;
    }
  }
  throw new Error('never answered');
}

/** The chain is in order, and holds exactly what was answered, once. */
async function holdsAgainst(store: Store, answers: readonly Answer[]): Promise<void> {
  const chain = await chainOf(store);
  expect((await audited(chain)).findings).toEqual([]);
  const entries = entriesOf(chain);
  for (const { entry, made } of answers) {
    if (!entry) continue;
    const row = chain.rows[entry.sequence_number];
    if (entry.entry_hash) expect(row?.entry_hash).toBe(entry.entry_hash);
    if (made) {
      const { child_artifact_hash, artifact_hash } = entries[entry.sequence_number]!.event;
      expect(child_artifact_hash ?? artifact_hash).toBe(made);
    }
  }
  const created = entries.flatMap(({ event }) =>
    event.kind === 'DELEGATION'
      ? [event.child_artifact_hash]
      : event.kind === 'ARTIFACT_CREATED'
        ? [event.artifact_hash]
        : [],
  );
  expect([...created].sort()).toEqual([...new Set(answers.flatMap(({ made }) => made ?? []))].sort());
}

const FAULTS: readonly Fault[] = ['refused', 'not written', 'written'];
const faults = fc.array(fc.option(fc.constantFrom(...FAULTS), { freq: 2, nil: undefined }), { maxLength: 40 });

describe('a commit that fails', () => {
  it('at every place of a history, in each way, loses nothing and does nothing twice', async () => {
    const [history] = fc.sample(deeds, { numRuns: 1, seed: 7 });
    const calm = kernel();
    const expected = await act(calm, history!);
    const commits = (await kinds(calm.store)).length;
    for (const fault of FAULTS) {
      for (let at = 0; at <= commits; at++) {
        const store = new FaultyStore(new MemoryStore());
        store.faults.push(...Array.from({ length: at }, () => undefined), fault);
        const game = kernel({ store });
        const made: string[] = [];
        const answers: Answer[] = [];
        for (const deed of keyed(history!)) {
          const { answer, tries } = await insist(game, deed, made);
          // What was written is answered, whatever the store said.
          if (fault === 'written') expect([tries, answer.deed]).toEqual([answer.code ? tries : 1, answer.deed]);
          answers.push(answer);
        }
        expect(answers.map(({ code }) => code)).toHaveLength(expected.length);
        await holdsAgainst(store, answers);
      }
    }
  });

  it('any number of times, with calls side by side, too', async () => {
    await fc.assert(
      fc.asyncProperty(deeds, faults, fc.integer({ min: 1, max: 6 }), async (history, broken, width) => {
        const store = new FaultyStore(new MemoryStore());
        store.faults.push(...broken);
        const game = kernel({ store });
        const made: string[] = [];
        const answers: Answer[] = [];
        const all = keyed(history);
        for (let at = 0; at < all.length; at += width) {
          const group = all.slice(at, at + width).map((deed) => insistLong(game, deed, made));
          answers.push(...(await Promise.all(group)));
        }
        await holdsAgainst(store, answers);
      }),
      { numRuns: 60 },
    );
  });

  it('while the store cannot even be read leaves the outcome open, and a repeat finds it', async () => {
    for (const fault of ['written', 'not written'] as const) {
      const store = new FaultyStore(new MemoryStore());
      const game = kernel({ store });
      await game.call('aga_create_artifact', {});
      store.faults.push(fault);
      store.unreadable = new Refusal('CHAIN_CONTENDED', 'away');
      const ask = () => game.call('aga_delegate_to_subagent', { request_id: 'once' });
      expect((await refusal(ask())).code).toBe('CHAIN_CONTENDED');
      expect((await refusal(ask())).code).toBe('CHAIN_CONTENDED');
      store.unreadable = undefined;
      const found = await ask();
      expect(await ask()).toEqual(found);
      expect(await kinds(store)).toEqual(['GENESIS', 'ARTIFACT_CREATED', 'DELEGATION']);
      expect((await game.audit()).findings).toEqual([]);
    }
  });

  it('is told as the store told it, where the store knows why', async () => {
    const full = new Refusal('INTERNAL', 'The disk is full, nothing was written.', { hint: 'Free some space.' });
    const inner = new MemoryStore();
    let broken = false;
    const store: Store = {
      read: (query) => inner.read(query),
      close: () => inner.close(),
      durable: () => inner.durable(),
      commit: (size, decide) =>
        inner.commit(size, (news, head) => {
          const batch = decide(news, head);
          if (broken) throw full;
          return batch;
        }),
    };
    const { call } = kernel({ store });
    await call('aga_create_artifact', {});
    broken = true;
    expect(await refusal(call('aga_delegate_to_subagent', {}))).toEqual(full.body);
    broken = false;
    expect((await call('aga_delegate_to_subagent', {})).chain.sequence_number).toBe(2);
  });

  it('and is decided again by the store itself is not followed twice', async () => {
    const inner = new MemoryStore();
    let stutter = false;
    const store: Store = {
      read: (query) => inner.read(query),
      close: () => inner.close(),
      durable: () => inner.durable(),
      async commit(size, decide) {
        const rolledBack = (news: readonly Row[], head: Head | null): null => {
          decide(news, head);
          return null;
        };
        if (stutter) await inner.commit(size, rolledBack);
        await inner.commit(size, decide);
      },
    };
    const game = kernel({ store });
    await game.call('aga_create_artifact', {});
    stutter = true;
    expect((await refusal(game.call('aga_delegate_to_subagent', {}))).code).toBe('CHAIN_CONTENDED');
    stutter = false;
    expect((await game.call('aga_delegate_to_subagent', {})).chain.sequence_number).toBe(2);
    expect((await game.audit()).findings).toEqual([]);
  });

  it('is not remembered as seen', async () => {
    const store = new FaultyStore(new MemoryStore());
    const caches = { snapshot: new MemoryCache(), checkpoint: new MemoryCache() };
    const game = kernel({ store, caches });
    await game.call('aga_create_artifact', {});
    store.faults.push('not written');
    await refusal(game.call('aga_delegate_to_subagent', {}));
    await game.service.close();
    expect((await kernel({ store, caches }).call('aga_create_artifact', {})).success).toBe(true);
  });
});

/** For many faults in a row. */
async function insistLong(stage: Stage, deed: Deed, made: string[]): Promise<Answer> {
  for (let round = 0; round < 20; round++) {
    try {
      return (await insist(stage, deed, made)).answer;
    } catch (error) {
      if (!(error instanceof Error) || error.message !== 'never answered') throw error;
    }
  }
  throw new Error('never answered at all');
}

describe('two writers on one store', () => {
  it('take turns in any order, and end with one chain that both know', async () => {
    await fc.assert(
      fc.asyncProperty(deeds, deeds, faults, fc.boolean(), async (left, right, broken, together) => {
        const inner = new MemoryStore();
        const clock = { now: START };
        const [one, two] = [left, right].map((history, index) => {
          const store = new FaultyStore(inner);
          store.faults.push(...broken.slice(index * 7));
          return {
            game: kernel({ store, clock }),
            history: keyed(history),
            made: [] as string[],
            answers: [] as Answer[],
          };
        }) as [Side, Side];
        // Artifacts of the other side are acted upon as well.
        two.made = one.made;
        const play = async (side: Side): Promise<void> => {
          const deed = side.history.shift();
          if (deed) side.answers.push(await insistLong(side.game, deed, side.made));
        };
        while (one.history.length + two.history.length > 0) {
          if (together) await Promise.all([play(one), play(two)]);
          else {
            await play(one);
            await play(two);
          }
        }
        await holdsAgainst(inner, [...one.answers, ...two.answers]);
        const trees = await Promise.all(
          [one, two].map(({ game }) => game.call('aga_query_chain', { limit: 500 }).then(({ head }) => head)),
        );
        expect(trees[0]).toEqual(trees[1]);
      }),
      { numRuns: 40 },
    );
  });

  it('answer a repeated request_id with the first outcome, whoever is asked', async () => {
    const store = new MemoryStore();
    const [one, two] = [kernel({ store }), kernel({ store })];
    const root = await one.call('aga_create_artifact', { request_id: 'root' });
    expect(await two.call('aga_create_artifact', { request_id: 'root' })).toEqual(root);
    const input = { parent_artifact_hash: root.artifact_hash, request_id: 'child' };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 ? one : two).call('aga_delegate_to_subagent', input)),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await kinds(store)).toEqual(['GENESIS', 'ARTIFACT_CREATED', 'DELEGATION']);
  });

  it('begin a chain once', async () => {
    const store = new MemoryStore();
    await Promise.all(Array.from({ length: 8 }, () => kernel({ store }).call('aga_inspect', { view: 'tree' })));
    expect(await kinds(store)).toEqual(['GENESIS']);
  });
});

interface Side {
  readonly game: ReturnType<typeof kernel>;
  readonly history: Deed[];
  made: string[];
  readonly answers: Answer[];
}

describe('one commit', () => {
  it('serves all calls of one turn, 256 at most', async () => {
    const inner = new MemoryStore();
    const sizes: number[] = [];
    const store: Store = {
      read: (query) => inner.read(query),
      close: () => inner.close(),
      durable: () => inner.durable(),
      commit: (size, decide) =>
        inner.commit(size, (news: readonly Row[], head: Head | null): Batch | null => {
          const batch = decide(news, head);
          if (batch) sizes.push(batch.rows.length);
          return batch;
        }),
    };
    const { call } = kernel({ store });
    await call('aga_create_artifact', { max_children: 1000 });
    await Promise.all(Array.from({ length: 300 }, () => call('aga_delegate_to_subagent', {})));
    expect(sizes).toEqual([2, 256, 44]);
  });

  it('is not made for questions', async () => {
    let commits = 0;
    const inner = new MemoryStore();
    const store: Store = {
      read: (query) => inner.read(query),
      close: () => inner.close(),
      durable: () => inner.durable(),
      commit: (size, decide) => {
        commits += 1;
        return inner.commit(size, decide);
      },
    };
    const { call } = kernel({ store });
    await call('aga_create_artifact', {});
    const check = { capability: 'tool.call', resource: 'a/b' };
    await Promise.all([
      call('aga_check_permission', check),
      call('aga_inspect', {}),
      call('aga_query_chain', {}),
      call('aga_verify', {}),
    ]);
    expect(commits).toBe(1);
  });
});

/** A cache that holds these bytes. */
async function cacheOf(bytes: Uint8Array | string): Promise<Cache> {
  const cache = new MemoryCache();
  await cache.save(typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes);
  return cache;
}

async function written(
  count = 5,
): Promise<{ store: MemoryStore; snapshot: Uint8Array; checkpoint: Uint8Array; root: string }> {
  const store = new MemoryStore();
  const caches = { snapshot: new MemoryCache(), checkpoint: new MemoryCache() };
  const game = kernel({ store, caches });
  const root = await game.call('aga_create_artifact', { max_children: 1000 });
  for (let i = 0; i < count; i++) await game.call('aga_delegate_to_subagent', { request_id: `r${i}` });
  await game.service.close();
  const [snapshot, checkpoint] = [await caches.snapshot.load(), await caches.checkpoint.load()];
  return { store, snapshot: snapshot ?? new Uint8Array(), checkpoint: checkpoint!, root: root.artifact_hash };
}

async function storeOf(chain: { rows: readonly Row[]; head: Head | null }): Promise<MemoryStore> {
  const store = new MemoryStore();
  if (chain.head) await store.commit(0, () => ({ rows: chain.rows, head: chain.head! }));
  return store;
}

const ALL_CALLS: readonly (readonly [string, object])[] = [
  ['aga_create_artifact', {}],
  ['aga_delegate_to_subagent', {}],
  ['aga_check_permission', { capability: 'tool.call', resource: 'a/b' }],
  ['aga_inspect', { view: 'tree' }],
  ['aga_query_chain', {}],
  ['aga_revoke_artifact', { artifact_hash: 'f'.repeat(64), reason: 'x' }],
];

describe('a snapshot', () => {
  it('is written in time, spares the fold, and answers the same', async () => {
    const { store, snapshot, root } = await written(200);
    expect(snapshot.length).toBeGreaterThan(0);
    let read = 0;
    const counting: Store = {
      read: async (query) => {
        const page = await store.read(query);
        read += page.rows.length;
        return page;
      },
      commit: (size, decide) => store.commit(size, decide),
      durable: () => store.durable(),
      close: () => store.close(),
    };
    const quick = kernel({
      store: counting,
      caches: { snapshot: await cacheOf(snapshot), checkpoint: new MemoryCache() },
    });
    const slow = kernel({ store });
    const ask = { artifact_hash: root, view: 'tree' };
    const tree = await quick.call('aga_inspect', ask);
    expect(read).toBe(1);
    expect(await slow.call('aga_inspect', ask)).toEqual(tree);
    const again = { parent_artifact_hash: root, request_id: 'r7' };
    expect(await quick.call('aga_delegate_to_subagent', again)).toEqual(
      await slow.call('aga_delegate_to_subagent', again),
    );
  });

  it('that is no snapshot, or a stranger’s, is passed over', async () => {
    const { store, snapshot, root } = await written(200);
    const spoilt = snapshot.slice();
    spoilt[500] = spoilt[500]! ^ 1;
    for (const bytes of ['', '{}', 'aga-snapshot/v1 \n', spoilt, snapshot.slice(0, 900), seed('noise')]) {
      const game = kernel({ store, caches: { snapshot: await cacheOf(bytes), checkpoint: new MemoryCache() } });
      expect((await game.call('aga_inspect', { artifact_hash: root })).status).toBe('active');
    }
  });

  it('that is old is a beginning', async () => {
    const { store, snapshot, root } = await written(200);
    const { call } = kernel({ store });
    const child = await call('aga_delegate_to_subagent', { parent_artifact_hash: root });
    const game = kernel({ store, caches: { snapshot: await cacheOf(snapshot), checkpoint: new MemoryCache() } });
    expect((await game.call('aga_inspect', { artifact_hash: child.child_artifact_hash })).status).toBe('active');
    expect((await game.audit()).findings).toEqual([]);
  });

  it('of what the store no longer holds is the end', async () => {
    const { store, snapshot } = await written(200);
    const entries = entriesOf(await chainOf(store));
    const other = await written(200);
    for (const stunted of [await storeOf(rebuilt(entries.slice(0, 100))), new MemoryStore(), other.store]) {
      const caches = { snapshot: await cacheOf(snapshot), checkpoint: new MemoryCache() };
      const game = kernel({ store: stunted, caches });
      for (const [tool, input] of ALL_CALLS) expect((await refusal(game.call(tool, input))).code).toBe('CHAIN_BROKEN');
      expect((await game.call('aga_verify', {})).valid).toBe(false);
    }
  });
});

describe('a checkpoint that was seen before', () => {
  const withCheckpoint = async (store: Store, note: Uint8Array | string) =>
    kernel({ store, caches: { snapshot: new MemoryCache(), checkpoint: await cacheOf(note) } });

  it('must still be extended by the store, for every call', async () => {
    const { store, checkpoint } = await written();
    const entries = entriesOf(await chainOf(store));
    const other = (await written()).store;
    for (const stunted of [await storeOf(rebuilt(entries.slice(0, 3))), new MemoryStore(), other]) {
      const game = await withCheckpoint(stunted, checkpoint);
      for (const [tool, input] of ALL_CALLS) expect((await refusal(game.call(tool, input))).code).toBe('CHAIN_BROKEN');
    }
    expect((await (await withCheckpoint(store, checkpoint)).call('aga_inspect', { view: 'tree' })).tree).toHaveLength(
      6,
    );
  });

  it('of another log, or none, says nothing', async () => {
    const { store } = await written();
    const { rows } = await chainOf(store);
    for (const note of ['', 'noise', headOver(rows, signer(seed('stranger'))).checkpoint]) {
      expect((await (await withCheckpoint(store, note)).call('aga_inspect', { view: 'tree' })).tree).toHaveLength(6);
    }
  });

  it('is kept at the end, and never replaced by an older one', async () => {
    const store = new MemoryStore();
    const checkpoint = new MemoryCache();
    const [early, late] = [0, 1].map(() => kernel({ store, caches: { snapshot: new MemoryCache(), checkpoint } }));
    await early!.call('aga_create_artifact', {});
    await late!.call('aga_create_artifact', {});
    await late!.service.close();
    const kept = await checkpoint.load();
    await early!.service.close();
    expect(await checkpoint.load()).toEqual(kept);
    expect(new TextDecoder().decode(kept).split('\n')[1]).toBe('3');
  });
});

it('entries that the signed head covers and the store has lost end every call, also where nothing was seen before', async () => {
  const { store } = await written();
  const cut: Store = {
    read: async (query) => {
      const { rows, head } = await store.read(query);
      return { rows: rows.filter(({ sequence_number }) => sequence_number < 6), head };
    },
    commit: (size, decide) => store.commit(size, (news, head) => decide(news.slice(0, -1), head)),
    durable: async () => {},
    close: async () => {},
  };
  for (const [tool, input] of ALL_CALLS) {
    expect((await refusal(kernel({ store: cut }).call(tool, input))).code).toBe('CHAIN_BROKEN');
  }
});

it.each([
  ['nobody has signed', (honest: Head) => ({ ...honest, checkpoint: '' })],
  ['a stranger has signed', (_: Head, rows: readonly Row[]) => headOver(rows, signer(seed('stranger')))],
  ['the log has signed over others', (honest: Head, rows: readonly Row[]) => ({ ...headOver(rows), ...honest })],
])('entries that %s are not followed, and never signed after', async (_, headOf) => {
  const whole = await written();
  const honest = (await chainOf(whole.store)).head!;
  const entries = entriesOf(await chainOf(whole.store));
  const { rows } = rebuilt([...entries, entries.at(-1)!]);
  const head = { ...headOf(honest, rows), size: rows.length, entry_hash: rows.at(-1)!.entry_hash };
  for (const begun of [false, true]) {
    let now: Store = whole.store;
    const store: Store = {
      read: (query) => now.read(query),
      commit: (size, decide) => now.commit(size, decide),
      durable: async () => {},
      close: async () => {},
    };
    const game = kernel({ store });
    if (begun) await game.call('aga_inspect', { view: 'tree' });
    now = await storeOf({ rows, head });
    for (const [tool, input] of ALL_CALLS) expect((await refusal(game.call(tool, input))).code).toBe('CHAIN_BROKEN');
    expect((await game.call('aga_verify', {})).valid).toBe(false);
  }
});

it('a chain of another name ends every call, and says which', async () => {
  const entries = entriesOf(await chainOf((await written()).store));
  const store = await storeOf(rebuilt(entries.map((entry) => ({ ...entry, chain: 'aga-delegate/other' }))));
  const { code, message, hint } = await refusal(kernel({ store }).call('aga_inspect', { view: 'tree' }));
  expect([code, message]).toEqual(['CHAIN_BROKEN', expect.stringContaining('"aga-delegate/other"')]);
  expect(hint).toContain('AGA_AUTHORITY');
});

describe('other keys than those of the chain', () => {
  it.each(['authority', 'log'] as const)('end every call: %s', async (name) => {
    const { store } = await written();
    const game = kernel({ store, keys: { ...KEYS, [name]: signer(seed('another')) } });
    for (const [tool, input] of ALL_CALLS) expect((await refusal(game.call(tool, input))).code).toBe('CHAIN_BROKEN');
    expect((await game.call('aga_verify', {})).valid).toBe(false);
    expect(await kinds(store)).toHaveLength(7);
  });
});

describe('a running sequencer', () => {
  it('stops for good where the store goes back or sideways behind it', async () => {
    const whole = await written();
    const entries = entriesOf(await chainOf(whole.store));
    const shorter = await storeOf(rebuilt(entries.slice(0, 3)));
    const other = (await written(9)).store;
    const equal = (await written()).store;
    for (const next of [shorter, equal, other]) {
      let now: Store = whole.store;
      const store: Store = {
        read: (query) => now.read(query),
        commit: (size, decide) => now.commit(size, decide),
        durable: (end, idle) => now.durable(end, idle),
        close: async () => {},
      };
      const game = kernel({ store });
      await game.call('aga_inspect', { view: 'tree' });
      now = next;
      for (const [tool, input] of ALL_CALLS) expect((await refusal(game.call(tool, input))).code).toBe('CHAIN_BROKEN');
      now = whole.store;
      expect((await refusal(game.call('aga_inspect', {}))).code).toBe('CHAIN_BROKEN');
    }
  });

  it('says so where an entry cannot be read', async () => {
    const { store } = await written();
    const entries = entriesOf(await chainOf(store));
    const strange = rebuilt([...entries, { ...entries[5]!, event: { kind: 'COUP' } }]);
    const game = kernel({ store: await storeOf(strange) });
    for (const [tool, input] of ALL_CALLS) expect((await refusal(game.call(tool, input))).code).toBe('CHAIN_BROKEN');
    expect((await game.call('aga_verify', {})).findings).toEqual([
      expect.objectContaining({ sequence_number: 7, rule: 'form' }),
    ]);
  });

  it('tells a bound session nothing of a broken chain', async () => {
    const { store, root } = await written();
    const game = kernel({ store, keys: { ...KEYS, log: signer(seed('another')) } });
    expect((await refusal(game.call('aga_verify', {}, as(root)))).code).toBe('CHAIN_BROKEN');
  });
});
