/** The log goes over to another key while processes write, fail, stand still and start again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '#digest';
import { encodeEvent } from '../src/authority/event/index.ts';
import { proposeRotation } from '../src/authority/event/log-key.ts';
import { Ledger } from '../src/authority/ledger.ts';
import { keyAt } from '../src/authority/log-keys.ts';
import { freeze, thaw } from '../src/authority/snapshot.ts';
import { toBase64url } from '../src/base/encoding.ts';
import { openCheckpoint } from '../src/chain/checkpoint.ts';
import { genesisIn } from '../src/evidence/genesis.ts';
import { followKeys, opened } from '../src/evidence/log-keys.ts';
import { verifyBundle } from '../src/evidence/verify.ts';
import type { Signer, Store } from '../src/ports.ts';
import { act, deeds } from './authority/deeds.ts';
import { AUTHORITY, at, audited, chainOf, entriesOf, faults, headOver, rebuilt } from './authority/forge.ts';
import { portrait } from './authority/portrait.ts';
import { buildBundle } from './evidence/build.ts';
import { sourceOf } from './evidence/forgery/chain.ts';
import { KEYS, type Kernel, kernel, kinds, ORIGIN, refusal } from './kernel.ts';
import { keysWith, nextKey, rotate, vkey } from './rotation.ts';
import { FaultyStore } from './store/faulty.ts';
import { MemoryCache, MemoryStore } from './store/memory.ts';

const [FIRST, SECOND, THIRD] = [KEYS.log, nextKey('second'), nextKey('third')];

const headOf = async (store: Store) => (await chainOf(store)).head!;
const signs = async (store: Store, key: Signer): Promise<boolean> =>
  openCheckpoint((await headOf(store)).checkpoint, vkey(key)) !== undefined;

/** Keeps every head that was committed. */
class Heads extends MemoryStore {
  readonly heads: { readonly size: number; readonly checkpoint: string }[] = [];

  override async commit(...[size, decide]: Parameters<MemoryStore['commit']>): Promise<void> {
    await super.commit(size, (news, head) => {
      const batch = decide(news, head);
      if (batch) this.heads.push(batch.head);
      return batch;
    });
  }
}

async function keysOn(store: Store) {
  const { rows } = await chainOf(store);
  const { authority, log } = genesisIn(rows[0]!.entry);
  return followKeys({ authority, key: log, from: 0 }, opened(rows.map(({ entry }) => entry)));
}

describe('a log that goes over to another key', () => {
  it('is signed by the new one from that entry on, once by both, and every checkpoint stays verifiable', async () => {
    const store = new Heads();
    const k = kernel({ store, keys: keysWith(FIRST, [SECOND, THIRD]) });
    await k.call('aga_create_artifact', {});
    await rotate(k, { from: FIRST, to: SECOND });
    expect([await signs(store, FIRST), await signs(store, SECOND)]).toEqual([true, true]);
    await k.call('aga_create_artifact', {});
    expect([await signs(store, FIRST), await signs(store, SECOND)]).toEqual([false, true]);
    await rotate(k, { from: SECOND, to: THIRD });
    await k.call('aga_create_artifact', {});
    expect(await k.audit()).toMatchObject({ findings: [], entries_checked: 6 });
    const keys = await keysOn(store);
    expect(keys.map(({ key }) => key)).toEqual([FIRST, SECOND, THIRD].map(vkey));
    for (const { size, checkpoint } of store.heads)
      expect(openCheckpoint(checkpoint, keyAt(keys, size)!)?.size).toBe(size);
    const { head } = await k.call('aga_query_chain', { limit: 1 });
    expect(head.verifier_key).toBe(vkey(THIRD));
  });

  it('holds with calls before and behind it in the same commit', async () => {
    const store = new MemoryStore();
    const k = kernel({ store, keys: keysWith(FIRST, [SECOND]) });
    await k.call('aga_create_artifact', {});
    const create = () => k.call('aga_create_artifact', {});
    await Promise.all([create(), create(), rotate(k, { from: FIRST, to: SECOND }), create(), create()]);
    expect((await kinds(store))[4]).toBe('LOG_KEY');
    expect([await signs(store, FIRST), await signs(store, SECOND)]).toEqual([true, true]);
    expect((await k.audit()).findings).toEqual([]);
  });

  it('needs the authority, the new key, this place, and a key that is new', async () => {
    const store = new MemoryStore();
    const k = kernel({ store, keys: keysWith(FIRST, [SECOND, THIRD]) });
    await k.call('aga_create_artifact', {});
    const wrong = {
      'signed by the log': (e: { signature: string; possession: string }) => ({ signature: e.possession }),
      'without possession': (e: { signature: string; possession: string }) => ({ possession: e.signature }),
      'another reason': () => ({ reason: 'another' }),
      'another key': () => ({ log_key: vkey(THIRD) }),
      'another former key': () => ({ previous_log_key: vkey(THIRD) }),
      'no key': () => ({ log_key: 'none' }),
    };
    for (const change of Object.values(wrong)) {
      const no = await refusal(rotate(k, { from: FIRST, to: SECOND, forge: (e) => ({ ...e, ...change(e) }) }));
      expect(no.code).toBe('INVALID_REQUEST');
    }
    await rotate(k, { from: FIRST, to: SECOND });
    expect((await refusal(rotate(k, { from: SECOND, to: FIRST }))).message).toMatch(/before/);
    expect((await refusal(rotate(k, { from: SECOND, to: SECOND }))).message).toMatch(/before/);
    expect(await kinds(store)).toEqual(['GENESIS', 'ARTIFACT_CREATED', 'LOG_KEY']);
    expect((await k.audit()).findings).toEqual([]);
  });

  it('is not signed by the former one again: an audit finds that, in the head and in what was seen', async () => {
    const store = new Heads();
    const k = kernel({ store, keys: keysWith(FIRST, [SECOND]) });
    await k.call('aga_create_artifact', {});
    const seen = store.heads.at(-1)!.checkpoint;
    await rotate(k, { from: FIRST, to: SECOND });
    await k.call('aga_create_artifact', {});
    const chain = await chainOf(store);
    expect(await faults({ ...chain, head: headOver(chain.rows, FIRST) })).toEqual(['* checkpoint']);
    expect(await faults(chain, { remembered: seen })).toEqual([]);
    expect(await faults(chain, { remembered: headOver(chain.rows, FIRST).checkpoint })).toEqual(['* remembered']);
    // A tail that is cut behind the change, or with it.
    const cut = (size: number) => ({
      rows: chain.rows.slice(0, size),
      head: headOver(chain.rows.slice(0, size), FIRST),
    });
    expect(await faults(cut(2), { remembered: chain.head!.checkpoint })).toContain('* remembered');
  });

  it('makes bundles that hold the change, about an artifact and about a run', async () => {
    const store = new MemoryStore();
    const k = kernel({ store, keys: keysWith(FIRST, [SECOND]) });
    const { artifact_hash } = await k.call('aga_create_artifact', {});
    await rotate(k, { from: FIRST, to: SECOND });
    await k.call('aga_delegate_to_subagent', { parent_artifact_hash: artifact_hash });
    const source = sourceOf(await chainOf(store));
    for (const subject of [{ artifact_hash }, { first: 1, last: 1 }, { first: 0, last: 3 }, { first: 3, last: 3 }]) {
      const { text } = await buildBundle(source, subject, SECOND, k.clock.now);
      for (const logKey of [undefined, vkey(FIRST), vkey(SECOND)]) {
        const report = await verifyBundle(text, { trust: AUTHORITY, logKey });
        expect(report).toMatchObject({ valid: true });
        const doubt = report.not_proven.some((line) => /still the log's key/.test(line));
        expect(doubt).toBe(logKey !== vkey(SECOND));
      }
      expect((await verifyBundle(text, { trust: AUTHORITY, logKey: vkey(THIRD) })).valid).toBe(false);
    }
    expect(await refusal(buildBundle(source, { artifact_hash }, FIRST, 0))).toMatchObject({ code: 'CHAIN_CONTENDED' });
  });
});

describe('processes of one store', () => {
  it('go over where they have the key; without it they read, and write nothing, until it is brought', async () => {
    const store = new MemoryStore();
    const atHand: Signer[] = [];
    const one = kernel({ store, keys: keysWith(FIRST, [SECOND]) });
    const two = kernel({ store, keys: keysWith(FIRST, [SECOND]) });
    const late = kernel({ store, keys: keysWith(FIRST, atHand) });
    const { artifact_hash } = await one.call('aga_create_artifact', {});
    for (const each of [two, late]) await each.call('aga_create_artifact', {});
    await rotate(one, { from: FIRST, to: SECOND });
    await two.call('aga_create_artifact', {});
    expect(await signs(store, FIRST)).toBe(false);
    const size = (await headOf(store)).size;
    for (let round = 0; round < 2; round++) {
      const no = await refusal(late.call('aga_create_artifact', {}));
      expect(no).toMatchObject({ code: 'CHAIN_CONTENDED', retryable: true });
      expect(no.hint).toMatch(/copy the new log key/);
      const query = { artifact_hash, capability: 'tool.call', resource: 'a' };
      expect(await late.call('aga_check_permission', query)).toMatchObject({ allowed: true });
    }
    expect((await refusal(late.call('aga_export_evidence', { artifact_hash }))).code).toBe('CHAIN_CONTENDED');
    const mixed = await Promise.allSettled([
      late.call('aga_create_artifact', {}),
      late.call('aga_inspect', { artifact_hash }),
    ]);
    expect(mixed.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    await late.service.close();
    expect((await headOf(store)).size).toBe(size);
    atHand.push(SECOND);
    await late.call('aga_create_artifact', {});
    expect(await late.call('aga_export_evidence', { artifact_hash })).toMatchObject({ entries: 3 });
    expect((await one.audit()).findings).toEqual([]);
  });

  it('start again with either key, from snapshots of either, and know a chain that was cut', async () => {
    const store = new MemoryStore();
    const caches = { snapshot: new MemoryCache(), checkpoint: new MemoryCache() };
    const keys = keysWith(FIRST, [SECOND]);
    const one = kernel({ store, caches, keys });
    for (let i = 0; i < 70; i++) await one.call('aga_create_artifact', { ttl_seconds: 60 + i });
    await one.service.close();
    const before = await chainOf(store);
    const two = kernel({ store, caches, keys });
    await rotate(two, { from: FIRST, to: SECOND });
    await two.service.close();
    for (const log of [FIRST, SECOND]) {
      const next = kernel({ store, caches, keys: { ...keys, log } });
      await next.call('aga_create_artifact', {});
      expect(await signs(store, FIRST)).toBe(false);
      await next.service.close();
    }
    const short = new MemoryStore();
    await short.commit(0, () => ({ rows: before.rows, head: before.head! }));
    const fooled = kernel({ store: short, caches, keys: { ...keys, log: SECOND } });
    expect(await refusal(fooled.call('aga_create_artifact', {}))).toMatchObject({ code: 'CHAIN_BROKEN' });
  });

  it('find a history rewritten that was seen before the change, with the former key and with the new one', async () => {
    for (const log of [FIRST, SECOND]) {
      const [store, other] = [new MemoryStore(), new MemoryStore()];
      const caches = { snapshot: new MemoryCache(), checkpoint: new MemoryCache() };
      const keys = keysWith(FIRST, [SECOND]);
      const one = kernel({ store, caches, keys });
      await one.call('aga_create_artifact', {});
      await one.service.close();
      const liar = kernel({ store: other, keys });
      await liar.call('aga_create_artifact', {});
      await rotate(liar, { from: FIRST, to: SECOND });
      expect((await liar.audit()).findings).toEqual([]);
      const fooled = kernel({ store: other, caches, keys: { ...keys, log } });
      expect(await refusal(fooled.call('aga_create_artifact', {}))).toMatchObject({ code: 'CHAIN_BROKEN' });
    }
  });

  it('that have not noticed yet do not forget what others have seen since', async () => {
    const store = new MemoryStore();
    const checkpoint = new MemoryCache();
    const [unaware, aware] = [FIRST, FIRST].map((log) =>
      kernel({ store, caches: { snapshot: new MemoryCache(), checkpoint }, keys: keysWith(log, [SECOND]) }),
    );
    await unaware!.call('aga_create_artifact', {});
    await rotate(aware!, { from: FIRST, to: SECOND });
    await aware!.call('aga_create_artifact', {});
    await aware!.service.close();
    await unaware!.service.close();
    const kept = new TextDecoder().decode(await checkpoint.load());
    expect(openCheckpoint(kept, vkey(SECOND))?.size).toBe(4);
  });

  it('take a key that the authority has not named for none', async () => {
    const store = new MemoryStore();
    const k = kernel({ store, keys: keysWith(FIRST, [THIRD]) });
    await k.call('aga_create_artifact', {});
    // Who has the database and the log's key writes past the law.
    const chain = await chainOf(store);
    const place = { sequence: 2, previousHash: chain.head!.entry_hash };
    const event = proposeRotation(
      { previous_log_key: vkey(FIRST), log_key: vkey(THIRD), reason: 'mine now' },
      place,
      nextKey('thief'),
      THIRD,
    );
    const forged = rebuilt([...entriesOf(chain), at(k.clock.now, encodeEvent(event))], THIRD);
    expect(await faults(forged)).toEqual(['2 law.INVALID_REQUEST', '* checkpoint']);
    const ledger = new Ledger(ORIGIN);
    for (const row of forged.rows) ledger.absorb(row);
    expect(ledger.state.logKey).toBe(vkey(FIRST));
  });
});

describe('a snapshot', () => {
  it('holds the keys, is taken under the present one alone, and one of before there were several is read', async () => {
    const store = new MemoryStore();
    const k = kernel({ store, keys: keysWith(FIRST, [SECOND]) });
    await k.call('aga_create_artifact', {});
    const early = new Ledger(ORIGIN);
    for (const row of (await chainOf(store)).rows) early.absorb(row);
    const bytes = freeze(early, FIRST);
    const body = JSON.parse(new TextDecoder().decode(bytes.subarray(bytes.indexOf(10) + 1)));
    delete body.logKeys;
    const old = Buffer.from(JSON.stringify(body));
    const signature = FIRST.sign(Buffer.concat([Buffer.from('aga-snapshot/v1\n'), sha256(old)]));
    const written = Buffer.concat([Buffer.from(`aga-snapshot/v1 ${toBase64url(signature)}\n`), old]);
    expect(portrait(thaw(written, ORIGIN, FIRST.publicKey)!.state)).toEqual(portrait(early.state));
    await rotate(k, { from: FIRST, to: SECOND });
    const late = new Ledger(ORIGIN);
    for (const row of (await chainOf(store)).rows) late.absorb(row);
    const kept = freeze(late, SECOND);
    expect(thaw(kept, ORIGIN, FIRST.publicKey)).toBeUndefined();
    const again = thaw(kept, ORIGIN, SECOND.publicKey)!;
    expect(portrait(again.state)).toEqual(portrait(late.state));
    expect(again.state.logKeys).toEqual([
      { key: vkey(FIRST), from: 0 },
      { key: vkey(SECOND), from: 2 },
    ]);
  });
});

describe('a change that fails', () => {
  it('at its commit, in each way, is found out: it happened, or it did not, and the process signs accordingly', async () => {
    for (const fault of ['refused', 'not written', 'written'] as const) {
      const store = new FaultyStore(new MemoryStore());
      const k = kernel({ store, keys: keysWith(FIRST, [SECOND]) });
      await k.call('aga_create_artifact', {});
      store.faults.push(fault);
      const tried = await rotate(k, { from: FIRST, to: SECOND }).then(
        () => true,
        () => false,
      );
      expect(tried).toBe(fault === 'written');
      expect((await kinds(store)).includes('LOG_KEY')).toBe(tried);
      await k.call('aga_create_artifact', {});
      expect([await signs(store, FIRST), await signs(store, SECOND)]).toEqual([!tried, tried]);
      if (!tried) await rotate(k, { from: FIRST, to: SECOND });
      expect((await k.audit()).findings).toEqual([]);
    }
  });

  it('among random histories, with processes that have the key and some that do not: one chain, judged clean', async () => {
    const keys = [FIRST, SECOND, THIRD, nextKey('fourth')];
    const faultList = fc.array(fc.constantFrom(undefined, undefined, 'refused', 'not written', 'written'), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(deeds, fc.nat(2)), { minLength: 2, maxLength: 4 }),
        faultList,
        async (parts, fails) => {
          const store = new FaultyStore(new MemoryStore());
          const games: Kernel[] = [keys, keys, [FIRST]].map((atHand) =>
            kernel({ store, keys: keysWith(FIRST, atHand) }),
          );
          const made: string[] = [];
          let present = 0;
          store.faults.push(...fails);
          for (const [history, which] of parts) {
            await act(games[which]!, history.slice(0, 6), made).catch(() => undefined);
            const done = await rotate(games[0]!, { from: keys[present]!, to: keys[present + 1]! }).then(
              () => true,
              () => false,
            );
            if (done) present += 1;
            if (present === keys.length - 1) break;
          }
          store.faults.length = 0;
          const chain = await chainOf(store);
          if (chain.rows.length === 0) return;
          expect((await audited(chain)).findings).toEqual([]);
          expect(openCheckpoint(chain.head!.checkpoint, vkey(keys[present]!))).toBeDefined();
        },
      ),
      { numRuns: 40 },
    );
  });
});
