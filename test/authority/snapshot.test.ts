import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../src/authority/ledger.ts';
import { freeze, thaw } from '../../src/authority/snapshot.ts';
import { GRACE, MEMORY } from '../../src/authority/state.ts';
import type { Row, Store } from '../../src/ports.ts';
import { as, KEYS, kernel, ORIGIN, START, seed } from '../kernel.ts';
import { act, type Deed, deeds } from './deeds.ts';
import { portrait } from './portrait.ts';

const LOG = KEYS.log.publicKey;

async function rowsOf(store: Store): Promise<readonly Row[]> {
  return (await store.read({ after: -1, limit: 100_000 })).rows;
}

function folded(rows: readonly Row[]): Ledger {
  const ledger = new Ledger(ORIGIN);
  for (const row of rows) ledger.absorb(row);
  return ledger;
}

const thawed = (ledger: Ledger): Ledger => thaw(freeze(ledger, KEYS.log), ORIGIN, LOG)!;

async function play(history: readonly Deed[]): Promise<{ rows: readonly Row[]; now: number }> {
  const game = kernel();
  await act(game, history);
  return { rows: await rowsOf(game.store), now: game.clock.now };
}

/** How much time passes after the snapshot: within the grace of what has expired, and beyond every memory. */
const LATER = [0, 1, 60_000, GRACE - 1, GRACE + 1, 3600_000, MEMORY + 1, 400 * 24 * 3600_000];

describe('a snapshot', () => {
  it('is the fold: what was thawed looks the same, now and after any time', async () => {
    await fc.assert(
      fc.asyncProperty(deeds, fc.constantFrom(...LATER), async (history, later) => {
        const { rows, now } = await play(history);
        const one = folded(rows);
        one.state.advance(now);
        const other = thawed(one);
        expect(portrait(other.state)).toEqual(portrait(one.state));
        expect([other.size, other.lastHash, other.frontier.root()]).toEqual([
          one.size,
          one.lastHash,
          one.frontier.root(),
        ]);
        for (const each of [one, other]) each.state.advance(now + later);
        expect(portrait(other.state)).toEqual(portrait(one.state));
        expect(freeze(other, KEYS.log)).toEqual(freeze(one, KEYS.log));
      }),
      { numRuns: 60 },
    );
  });

  it('taken anywhere and followed by the rest is the fold of all', async () => {
    await fc.assert(
      fc.asyncProperty(deeds, fc.nat(), async (history, at) => {
        const { rows } = await play(history);
        const cut = at % (rows.length + 1);
        const all = folded(rows);
        const later = thawed(folded(rows.slice(0, cut)));
        for (const row of rows.slice(cut)) later.absorb(row);
        expect(portrait(later.state)).toEqual(portrait(all.state));
        expect(later.head(KEYS.log)).toEqual(all.head(KEYS.log));
      }),
      { numRuns: 60 },
    );
  });

  it('of another chain, by another key, or with any byte changed is none', async () => {
    const game = kernel();
    const root = await game.call('aga_create_artifact', { request_id: 'r' });
    await game.call('aga_delegate_to_subagent', {}, as(root.artifact_hash));
    const bytes = freeze(folded(await rowsOf(game.store)), KEYS.log);
    expect(thaw(bytes, ORIGIN, LOG)).toBeDefined();
    expect(thaw(bytes, 'aga-delegate/other', LOG)).toBeUndefined();
    expect(thaw(bytes, ORIGIN, KEYS.authority.publicKey)).toBeUndefined();
    for (let at = 0; at < bytes.length; at += 13) {
      const changed = bytes.slice();
      changed[at] = changed[at]! ^ 1;
      expect(thaw(changed, ORIGIN, LOG)).toBeUndefined();
    }
    for (const cut of [0, 1, 20, 80, bytes.length - 1]) expect(thaw(bytes.slice(0, cut), ORIGIN, LOG)).toBeUndefined();
    expect(thaw(seed('noise'), ORIGIN, LOG)).toBeUndefined();
  });
});

describe('memory', () => {
  it('lets go of artifacts some minutes after they expired, and of requests after a day', async () => {
    const game = kernel();
    await game.call('aga_create_artifact', { ttl_seconds: 3600 * 48, max_children: 1000 });
    for (let i = 0; i < 100; i++) {
      await game.call('aga_delegate_to_subagent', { ttl_seconds: 60 + i, request_id: `r${i}` });
    }
    const ledger = folded(await rowsOf(game.store));
    const counted = (time: number): readonly number[] => {
      ledger.state.advance(time);
      const { grants, requests } = ledger.state;
      return [grants.size, requests.size, [...grants.values()][0]?.liveChildren ?? 0];
    };
    expect(counted(START + 59_999)).toEqual([101, 100, 100]);
    expect(counted(START + 109_999)).toEqual([101, 100, 50]);
    expect(counted(START + 60_000 + GRACE)).toEqual([100, 100, 0]);
    expect(counted(START + 160_000 + GRACE)).toEqual([1, 100, 0]);
    expect(counted(START + MEMORY)).toEqual([1, 0, 0]);
    expect(counted(START + 48 * 3600_000 + GRACE)).toEqual([0, 0, 0]);
  });
});
