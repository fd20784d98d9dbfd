/** Changes of the log's key, judged: by two verifiers alike, and by enforcement points that are offline. */
import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rotation } from '../../src/authority/event/log-key.ts';
import type { Entry } from '../../src/chain/entry.ts';
import { judgeFreshness, sayFreshness } from '../../src/evidence/freshness.ts';
import { verifyBundle } from '../../src/evidence/verify.ts';
import type { Signer } from '../../src/ports.ts';
import { act, deeds } from '../authority/deeds.ts';
import { chainOf, entriesOf } from '../authority/forge.ts';
import { KEYS, kernel, ORIGIN } from '../kernel.ts';
import { keysWith, rotate } from '../rotation.ts';
import { directory } from '../scratch.ts';
import { MemoryStore } from '../store/memory.ts';
import { TRUST } from './forgery/case.ts';
import { bundled, K0, K1, K2, linked, type Step, turn, vkey } from './forgery/rotation.ts';

const VERIFIERS = join(import.meta.dirname, '../../verifiers/python');
const python = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']).status === 0;
const KEYRING = [K0, K1, K2];

const key = fc.constantFrom(...KEYRING);
const changes: fc.Arbitrary<Partial<Record<keyof Rotation, string>>> = fc.oneof(
  { weight: 20, arbitrary: fc.constant({}) },
  fc.record({ reason: fc.constantFrom('', 'x', 'yearly', '\u202e') }),
  fc.record({ log_key: fc.constantFrom(vkey(K1), vkey(K2), 'none', '', vkey(K1, 'other'), `${vkey(K1)} `) }),
  fc.record({ previous_log_key: fc.constantFrom(vkey(K0), vkey(K2), '') }),
  fc.record({ signature: fc.constantFrom('', 'A', '='.repeat(4), 'A'.repeat(86)) }),
  fc.record({ possession: fc.constantFrom('', 'A'.repeat(86)) }),
);
/** Left to what is right, most of the time. */
const mostly = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
/** From the key before to the next one, by the authority. */
const rotation = fc.record({
  at: fc.nat(20),
  to: mostly(key),
  from: mostly(key),
  authority: mostly(key),
  next: mostly(key),
  changes,
});
const made = fc.record({
  history: deeds,
  rotations: fc.array(rotation, { maxLength: 2 }),
  head: mostly(key),
  sealer: mostly(key),
  claimed: mostly(key),
  pinned: mostly(key),
  hidden: mostly(fc.nat(20)),
});
type Made = typeof made extends fc.Arbitrary<infer T> ? T : never;

async function forged({ history, rotations, head, sealer, claimed, hidden }: Made): Promise<string> {
  const store = new MemoryStore();
  await act(kernel({ store }), history.slice(0, 6));
  const steps: Step[] = entriesOf(await chainOf(store));
  let [present, least] = [0, 1];
  for (const { at, to, from, authority, next, changes } of rotations) {
    const [former, follower] = [from ?? KEYRING[present]!, to ?? KEYRING[Math.min(present + 1, 2)]!];
    const by = { ...(authority && { authority }), ...(next && { next }) };
    least += at % (steps.length - least + 1);
    steps.splice(least++, 0, (place) => ({
      ...turn(follower, former, by)(place),
      ...changes,
    }));
    present = Math.min(present + 1, 2);
  }
  const entries: Entry[] = linked(steps);
  const signs: Signer = head ?? KEYRING[present]!;
  const only = entries.map((_, i) => i).filter((i) => i === 0 || i !== hidden);
  return bundled(entries, signs, { only, sealer: sealer ?? signs, claimed: claimed ?? signs });
}

describe.skipIf(!python)('two verifiers', () => {
  it('agree on changes of keys, honest and forged, in any order', async () => {
    const folder = directory();
    const cases: object[] = [];
    let good = 0;
    for (const [i, each] of fc.sample(made, { numRuns: 60, seed: 20_261_121 }).entries()) {
      const text = await forged(each);
      const logKey = each.pinned && vkey(each.pinned);
      const { valid, integrity, containment, conduct } = await verifyBundle(text, { trust: TRUST, logKey });
      if (valid) good += 1;
      writeFileSync(join(folder, `${i}.json`), text);
      const expected = {
        valid,
        integrity: integrity.findings,
        containment: containment.findings,
        conduct: conduct.findings,
      };
      cases.push({ file: `${i}.json`, about: '', asked: { trust: TRUST, log_key: logKey }, expected });
    }
    writeFileSync(join(folder, 'cases.json'), JSON.stringify(cases));
    const { stdout } = await promisify(execFile)('python3', ['-m', 'aga_verify', '--corpus', folder], {
      cwd: VERIFIERS,
    }).catch((error: { stdout: string; stderr: string }) => ({ stdout: error.stdout + error.stderr }));
    expect(stdout.trim()).toMatch(/^\d+ cases, 0 disagreements$/);
    // Neither all good nor all bad, or nothing was compared.
    expect(good).toBeGreaterThan(6);
    expect(good).toBeLessThan(52);
  });
});

describe('freshness', () => {
  it('is judged under the key that the log has come to, for whoever is shown how it came to it', async () => {
    const store = new MemoryStore();
    const k = kernel({ store, keys: keysWith(K0, [K1, K2]) });
    const { artifact_hash } = await k.call('aga_create_artifact', {});
    await rotate(k, { from: K0, to: K1 });
    await rotate(k, { from: K1, to: K2 });
    const { rows } = await chainOf(store);
    const entries = rows.filter(({ kind }) => kind === 'LOG_KEY').map(({ entry }) => entry);
    const said = (size: number, by: Signer): string =>
      sayFreshness(
        { artifact_hash, chain: ORIGIN, log: { size, root_hash: 'a'.repeat(64) }, status: 'live' },
        by,
        k.clock.now,
      );
    const rules = (text: string, pinned: Signer, shown?: readonly string[], authority = TRUST): string[] => {
      const succession = shown && { succession: { authority, entries: shown } };
      const demand = {
        artifactHash: artifact_hash,
        logKey: vkey(pinned),
        at: k.clock.now,
        maxAge: 1000,
        ...succession,
      };
      return judgeFreshness(text, demand).findings.map(({ rule }) => rule);
    };
    expect(rules(said(4, K2), K2)).toEqual([]);
    expect(rules(said(4, K2), K0, entries)).toEqual([]);
    expect(rules(said(4, K2), K1, entries)).toEqual([]);
    expect(rules(said(4, K2), K0)).toEqual(['signature']);
    expect(rules(said(4, K0), K0)).toEqual([]); // nobody has told it
    expect(rules(said(4, K0), K0, entries)).toEqual(['signature']);
    expect(rules(said(2, K0), K0, entries)).toEqual(['signature', 'overruled']);
    expect(rules(said(3, K2), K0, entries)).toEqual(['overruled']);
    expect(rules(said(4, K1), K0, entries)).toEqual(['signature']);
    expect(rules(said(4, K1), K0, entries.slice(0, 1))).toEqual([]);
    expect(rules(said(4, K2), K0, entries.slice(1))).toEqual(['signature']);
    expect(rules(said(4, K2), K0, [...entries].reverse())).toEqual(['signature']);
    expect(rules(said(4, K2), K0, ['', '{}', 'noise', ...entries])).toEqual([]);
    expect(rules(said(4, K2), K0, entries, TRUST.replace(/.$/, 'x'))).toEqual(['signature']);
    const other = entries.map((entry) => entry.replaceAll(`"sequence_number":2`, `"sequence_number":5`));
    expect(rules(said(4, K2), K0, other)).toEqual(['signature']);
    expect(KEYS.log).toBe(K0);
  });
});
