/** The independent verifier (`verifiers/python`) and ours: the same findings in the corpus, and in what nobody has thought of. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalize, type Json } from '../../src/base/canonical.ts';
import { formatInstant } from '../../src/base/instant.ts';
import type { Entry } from '../../src/chain/entry.ts';
import { type Question, verifyBundle } from '../../src/evidence/verify.ts';
import { act, deeds } from '../authority/deeds.ts';
import { chainOf, entriesOf } from '../authority/forge.ts';
import { kernel } from '../kernel.ts';
import { directory } from '../scratch.ts';
import { MemoryStore } from '../store/memory.ts';
import { TRUST } from './forgery/case.ts';
import { timeOf, wholeBundle } from './forgery/chain.ts';
import { soup } from './soup.ts';

const VERIFIERS = join(import.meta.dirname, '../../verifiers/python');
const CORPUS = join(import.meta.dirname, '../vectors/bundles');
const python = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']).status === 0;
if (!python) console.warn('python3 (3.9 or newer) is not here: the second opinion is not asked');

/** What it says about a folder of files; one line that counts, and one for each disagreement. */
async function disagreements(folder: string): Promise<string> {
  const { stdout } = await promisify(execFile)('python3', ['-m', 'aga_verify', '--corpus', folder], {
    cwd: VERIFIERS,
  }).catch((error: { stdout: string; stderr: string }) => ({ stdout: error.stdout + error.stderr }));
  return stdout.trim();
}

/** Another value of about the same form. */
const other = fc.oneof(
  fc.constantFrom<Json>(
    null,
    '',
    0,
    1,
    -1,
    61,
    100_000,
    true,
    false,
    [],
    {},
    'x',
    'fs/read',
    'USD:1',
    '/data',
    '**',
    'a/*',
  ),
  fc.constantFrom<Json>('permit', 'refuse', 'SUSPENDED', 'ARTIFACT_REVOKED', 'PERMISSION_DENIED', 'process', 'RESUME'),
  fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json),
);

/** A value with one place in it changed; `at` counts through the places. */
function changed(value: Json, at: { left: number }, to: Json): Json {
  if (at.left-- === 0) return to;
  if (Array.isArray(value)) return value.map((item: Json) => changed(item, at, to));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, changed(member, at, to)]));
}

const placesIn = (value: Json): number =>
  1 +
  (typeof value === 'object' && value !== null
    ? Object.values(value).reduce((sum: number, each) => sum + placesIn(each), 0)
    : 0);

const RUNS = Number(process.env.AGA_FUZZ ?? 150);
const SEED = Number(process.env.AGA_FUZZ_SEED ?? 20_261_120);
const WAYS = ['document', 'event', 'removed', 'moved', 'later', 'earlier'] as const;
const tampering = fc.tuple(deeds, fc.constantFrom(...WAYS), fc.nat(1000), fc.nat(1000), other);

/** A chain with one thing changed, proven and sealed; or its document with one thing changed. */
function tampered(
  entries: readonly Entry[],
  way: (typeof WAYS)[number],
  which: number,
  where: number,
  to: Json,
): string {
  const at = 1 + (which % Math.max(1, entries.length - 1));
  const entry = entries[at];
  if (way === 'document' || entry === undefined) {
    const document: Json = JSON.parse(wholeBundle(entries));
    return canonicalize(changed(document, { left: where % placesIn(document) }, to));
  }
  if (way === 'removed') return wholeBundle(entries.toSpliced(at, 1));
  if (way === 'moved')
    return wholeBundle(entries.toSpliced(at, 1).toSpliced(1 + (where % (entries.length - 1)), 0, entry));
  if (way === 'event') {
    const { kind, ...members } = entry.event;
    const event = { ...(changed(members, { left: 1 + (where % placesIn(members)) }, to) as object), kind };
    return wholeBundle(entries.with(at, { ...entry, event }));
  }
  const shift = (way === 'later' ? 1 : -1) * where * where * 10;
  return wholeBundle(
    entries.map((each, i) => (i < at ? each : { ...each, timestamp: formatInstant(timeOf(each) + shift) })),
  );
}

async function publish(folder: string, files: readonly (string | Uint8Array)[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const question: Question = { trust: TRUST };
  const cases = await Promise.all(
    files.map(async (bytes, i) => {
      writeFileSync(join(folder, `${i}.json`), bytes);
      const { valid, integrity, containment, conduct } = await verifyBundle(bytes, question);
      const [one, two, three] = [integrity, containment, conduct].map(({ findings }) => findings);
      return {
        file: `${i}.json`,
        about: '',
        asked: question,
        expected: { valid, integrity: one, containment: two, conduct: three },
      };
    }),
  );
  writeFileSync(join(folder, 'cases.json'), JSON.stringify(cases));
}

describe.skipIf(!python)('the second opinion', () => {
  it('agrees on the whole corpus', async () => {
    expect(await disagreements(CORPUS)).toMatch(/^\d+ cases, 0 disagreements$/);
  });

  it('agrees on histories with one thing changed, sealed again, and on documents with one thing changed', async () => {
    const folder = directory();
    const files: string[] = [];
    for (const [history, ...how] of fc.sample(tampering, { numRuns: RUNS, seed: SEED })) {
      const store = new MemoryStore();
      const k = kernel({ store });
      await act(k, history);
      files.push(tampered(entriesOf(await chainOf(store)), ...how));
    }
    await publish(folder, files);
    expect(await disagreements(folder)).toMatch(/^\d+ cases, 0 disagreements$/);
  });

  it('agrees on events that keep the law by chance alone, of money, jobs and triggers too', async () => {
    const folder = directory();
    const store = new MemoryStore();
    await kernel({ store }).call('aga_create_artifact', {});
    const [genesis] = entriesOf(await chainOf(store));
    const tapes = fc.sample(fc.infiniteStream(fc.noBias(fc.nat(2 ** 30 - 1))), {
      numRuns: Math.ceil(RUNS / 3),
      seed: SEED,
    });
    const files = tapes.map((tape) => wholeBundle(soup(genesis!, 25, () => tape.next().value / 2 ** 30)));
    await publish(folder, files);
    const found = readFileSync(join(folder, 'cases.json'), 'utf8');
    for (const rule of ['law.BUDGET_EXHAUSTED', 'law.JOB_NOT_FOUND', 'law.SUSPENDED', 'refusal'])
      expect(found).toContain(`"${rule}"`);
    expect(found).not.toContain('law.INTERNAL');
    expect(await disagreements(folder)).toMatch(/^\d+ cases, 0 disagreements$/);
  });
});
