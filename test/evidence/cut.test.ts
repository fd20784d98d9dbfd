/** A document is read entry by entry: what is said of its text, and what is held of it, does not depend on that. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toDidKey } from '../../src/base/did-key.ts';
import { cutAtEntries } from '../../src/evidence/cut.ts';
import { judgeElements, openDocument, parseEvidence } from '../../src/evidence/document.ts';
import { outlineOf } from '../../src/evidence/outline.ts';
import { Findings } from '../../src/evidence/report.ts';
import { verifyBundle } from '../../src/evidence/verify.ts';
import { KEYS } from '../kernel.ts';
import { MemoryStore } from '../store/memory.ts';
import { buildBundle } from './build.ts';
import { longChain } from './long-chain.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const rulesOf = (findings: Findings): string[] => findings.verdict.findings.map(({ rule }) => rule);

function whole(given: Uint8Array): string[] {
  const findings = new Findings();
  parseEvidence(given, findings);
  return rulesOf(findings);
}

function inPieces(given: Uint8Array): string[] {
  const findings = new Findings();
  const document = openDocument(given, findings);
  if (document?.cut) judgeElements(document.cut, findings);
  return rulesOf(findings);
}

const DOCUMENTS = [
  '{"entries":[]}',
  ' { "a" : [ ] , "entries" : [ 1 , "]" , { "b" : "\\"" } ] , "c" : "}" } ',
  '{"\\u0065ntries":[[],{}]}',
  '{"entries":1,"entries":[2]}',
  '{"entries":[{"a":1,"a":2}],"x":1,"x":2}',
  '{"entries":[{"a":1e999}],"x":1,"x":2}',
  '{"entries":[1,]}',
  '{"entries":[,1]}',
  '{"entries":[1 2]}',
  '{"entries":[[}]]}',
  '{"entries":[1}}',
  '{"entries":[1]',
  '{"entries":["\\ud800"]}',
  `{"entries":[${'['.repeat(64)}${']'.repeat(64)}]}`,
  `{"entries":[${'['.repeat(65)}${']'.repeat(65)}]}`,
  '{"x":{"entries":[1,]},"entries":[2]}',
  '[{"entries":[]}]',
  '"entries"',
  '',
];
const PIECES = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  ' ',
  '1',
  '1e999',
  '"a":1,',
  '"__proto__":1,',
  '\\u0065',
  '\ufeff',
];

/** A document with some pieces put in, or some bytes taken out. */
const spoiled = fc
  .tuple(
    fc.constantFrom(...DOCUMENTS),
    fc.array(fc.tuple(fc.nat(80), fc.nat(2), fc.constantFrom('', ...PIECES)), { maxLength: 3 }),
    fc.boolean(),
  )
  .map(([document, changes, invalid]) => {
    const text = changes.reduce((now, [at, gone, piece]) => now.slice(0, at) + piece + now.slice(at + gone), document);
    const bytes = bytesOf(text);
    if (invalid && bytes.length > 0) bytes[bytes.length >> 1] = 0xff;
    return bytes;
  });

describe('a document that is cut at its entries', () => {
  it('falls into its elements and the rest', () => {
    const cut = cutAtEntries(bytesOf('{"a":"[","entries":[{"b":[1,2]},"]\\"",3],"c":{}}'))!;
    expect(textOf(cut.rest)).toBe('{"a":"[","entries":[],"c":{}}');
    for (let round = 0; round < 2; round++)
      expect([...cut.elements].map(textOf)).toEqual(['{"b":[1,2]}', '"]\\""', '3']);
    expect(cut.count).toBe(3);
  });

  it.each(DOCUMENTS)('is strict JSON exactly where the whole is: %s', (text) => {
    expect(inPieces(bytesOf(text))).toEqual(whole(bytesOf(text)));
  });

  it('is refused for the same reason as the whole, however it was spoiled', () => {
    fc.assert(
      fc.property(spoiled, (bytes) => {
        expect(inPieces(bytes)).toEqual(whole(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  it('has no outline where one entry is none', () => {
    expect(outlineOf(bytesOf('{"checkpoint":"x","entries":[{}]}'))).toMatchObject({ entries: 1, checkpoint: 'x' });
    expect(outlineOf(bytesOf('{"checkpoint":"x","entries":[{},!]}'))).toMatchObject({ entries: 0, checkpoint: '' });
  });
});

describe('a long bundle', () => {
  it('that is none is refused before long, and still for its text first', async () => {
    const rest = JSON.parse(readFileSync(join(import.meta.dirname, '../vectors/bundles/good-child.json'), 'utf8'));
    const long = '0,'.repeat(300_000);
    const filled = (last: string): string =>
      JSON.stringify({ ...rest, entries: [] }).replace('"entries":[]', `"entries":[${long}${last}]`);
    const began = performance.now();
    const rules = async (last: string) =>
      (await verifyBundle(filled(last), { trust: '' })).integrity.findings.map(({ rule }) => rule);
    expect(await rules('0')).toEqual(Array(200).fill('entry'));
    expect(await rules('{"a":1,"a":2}')).toEqual(['duplicate_member']);
    expect(performance.now() - began).toBeLessThan(3000);
  });

  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const live = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };

  it('is judged without holding what its entries say', async () => {
    const store = new MemoryStore();
    const { root, end } = await longChain(store, 6000);
    const { text } = await buildBundle(store, { artifact_hash: root }, KEYS.log, end);
    const bytes = bytesOf(text);
    const before = live();
    let most = 0;
    const watch = (done: number): void => {
      if (done % 1500 === 1499) most = Math.max(most, live() - before);
    };
    const { valid } = await verifyBundle(bytes, { trust: toDidKey(KEYS.authority.publicKey), at: end, watch });
    expect(valid).toBe(true);
    // Parsed, its entries take several times the room of their bytes.
    expect(most).toBeLessThan(bytes.length / 2);
  });
});
