/** Whatever happened, if it happened under the law then every bundle about it is good: a verifier that cries wolf is none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toDidKey } from '../../src/base/did-key.ts';
import { Refusal } from '../../src/base/refusal.ts';
import type { Subject } from '../../src/evidence/bundle.ts';
import { verifyBundle } from '../../src/evidence/verify.ts';
import { act, deeds } from '../authority/deeds.ts';
import { as, KEYS, type Kernel, kernel } from '../kernel.ts';
import { MemoryStore } from '../store/memory.ts';
import { buildBundle } from './build.ts';

const TRUST = toDidKey(KEYS.authority.publicKey);

/** A reservation of an artifact, and what becomes of it; `by` counts through the artifacts. */
const spending = fc.array(
  fc.record({
    by: fc.nat(30),
    amount: fc.constantFrom('USD:0.50', 'USD:2', 'EUR:1'),
    end: fc.constantFrom('settle', 'release', 'nothing'),
    wait: fc.constantFrom(1, 1000),
  }),
  { maxLength: 6 },
);

async function spend(
  k: Kernel,
  made: readonly string[],
  { by, amount, end, wait }: { by: number; amount: string; end: string; wait: number },
) {
  const artifact_hash = made[by % made.length];
  if (artifact_hash === undefined) return;
  k.clock.now += wait * 1000;
  const call = (input: object) => k.call('aga_spend', { artifact_hash, ...input }, as(artifact_hash));
  try {
    const { reservation_id } = await call({ action: 'reserve', amounts: [amount] });
    k.clock.now += wait * 1000;
    if (end !== 'nothing') await call({ action: end, reservation_id, ...(end === 'settle' && { amounts: [amount] }) });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

describe('a verifier that cries no wolf', () => {
  it('finds nothing wrong with any artifact, or any run, of any lawful history', async () => {
    await fc.assert(
      fc.asyncProperty(deeds, spending, deeds, fc.nat(100), fc.nat(100), async (before, spent, after, one, other) => {
        const store = new MemoryStore();
        const k = kernel({ store });
        const made: string[] = [];
        await act(k, before, made);
        for (const each of spent) await spend(k, made, each);
        await act(k, after, made);
        const { head } = await store.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
        const ends = [one % head!.size, other % head!.size].sort((a, b) => a - b) as [number, number];
        const subjects: Subject[] = [
          ...made.map((artifact_hash) => ({ artifact_hash })),
          { first: ends[0], last: ends[1] },
          { first: 0, last: head!.size - 1 },
        ];
        for (const subject of subjects) {
          const { text } = await buildBundle(store, subject, KEYS.log, k.clock.now);
          const { integrity, containment, conduct } = await verifyBundle(text, { trust: TRUST, at: k.clock.now });
          expect([...integrity.findings, ...containment.findings, ...conduct.findings]).toEqual([]);
        }
      }),
      { numRuns: 60 },
    );
  });
});
