/** The page in a real browser, from a file, without a network: what it says of good and of forged evidence. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundlePage } from '../../scripts/page.ts';
import { toDidKey } from '../../src/base/did-key.ts';
import { KEYS } from '../kernel.ts';
import { MemoryStore } from '../store/memory.ts';
import { buildBundle } from './build.ts';
import { CHROMIUM, openPage, type Page } from './chromium.ts';
import { TRUST } from './forgery/case.ts';
import { longChain } from './long-chain.ts';

const CORPUS = join(import.meta.dirname, '../vectors/bundles');
const PAGE = join(tmpdir(), `aga-page-${process.pid}`, 'verify.html');
if (!CHROMIUM) console.warn('no Chromium here: the page is not opened');

describe.skipIf(!CHROMIUM)('the page', () => {
  let page: Page;

  beforeAll(async () => {
    await bundlePage(PAGE);
    page = await openPage(pathToFileURL(PAGE).href);
  });
  afterAll(async () => {
    await page?.close();
    rmSync(dirname(PAGE), { recursive: true, force: true });
  });

  const type = (id: string, text: string) =>
    page.evaluate(
      `{ const box = document.getElementById(${JSON.stringify(id)}); box.value = ${JSON.stringify(text)}; box.dispatchEvent(new Event('input')); }`,
    );
  /** What is shown of a file: `good` or `bad`, and all of the text. */
  async function shown(file: string, trust = TRUST): Promise<{ verdict: string; text: string }> {
    await type('trust', '');
    await page.choose('#file', resolve(CORPUS, file));
    await page.until(`document.getElementById('named').textContent.includes(${JSON.stringify(basename(file))})`);
    await type('trust', trust);
    await page.until('document.body.dataset.verdict');
    return page.evaluate('({ verdict: document.body.dataset.verdict, text: document.body.innerText })');
  }

  it('says what it needs before it says anything else', async () => {
    expect(await page.evaluate('document.getElementById("said").textContent')).toBe('Choose a bundle.');
    await page.choose('#file', join(CORPUS, 'good-lead.json'));
    await page.until('document.getElementById("said").textContent.startsWith("Paste the authority key")');
    await type('trust', 'did:key:nonsense');
    await page.until('document.getElementById("said").textContent === "That is not an Ed25519 did:key."');
    expect(await page.evaluate('document.getElementById("report").hidden')).toBe(true);
  });

  it('shows verdicts, artifacts and what happened, of good evidence', async () => {
    const { verdict, text } = await shown('good-lead.json');
    expect(verdict).toBe('good');
    for (const part of [
      'The evidence holds.',
      '✓ integrity',
      '✓ containment',
      '✓ conduct',
      'That nothing was left out',
      'quarterly report',
      'REVOCATION',
      'fs/write',
    ])
      expect(text).toContain(part);
    expect(await page.evaluate('document.querySelectorAll("#timeline tbody tr").length')).toBe(24);
  });

  it('names what is wrong with forged evidence, where it happened', async () => {
    for (const [file, part] of [
      ['wider-tools.json', 'Entry 7: scope'],
      ['permit-after-revocation.json', 'Entry 8: law.ARTIFACT_REVOKED'],
      ['revocation-hidden.json', 'Bundle: seal'],
      ['duplicate-member.json', 'duplicate_member'],
      ['receipts-verdict-turned.json', '✕ integrity'],
    ] as const) {
      const { verdict, text } = await shown(file);
      expect([file, verdict]).toEqual([file, 'bad']);
      expect(text).toContain(part);
    }
    expect((await shown('good-lead.json', 'did:key:z6MknGc3ocHs3zdPiJbnaaqDi58NGb4pk1Sp9WxWufuXSdxf')).verdict).toBe(
      'bad',
    );
  });

  it('judges all of a long bundle, and says how much of it is told', async () => {
    const store = new MemoryStore();
    const { root, end } = await longChain(store, 5998);
    const { text } = await buildBundle(store, { artifact_hash: root }, KEYS.log, end);
    const file = join(dirname(PAGE), 'long.json');
    writeFileSync(file, text);
    const long = await shown(file, toDidKey(KEYS.authority.publicKey));
    expect(long.verdict).toBe('good');
    expect(long.text).toContain('Of its 6000 entries, all of them judged, the first 5000 are told.');
    const forged = join(dirname(PAGE), 'forged.json');
    writeFileSync(forged, text.replace('"request_id":5990', '"request_id":5991'));
    expect((await shown(forged, toDidKey(KEYS.authority.publicKey))).verdict).toBe('bad');
  });

  it('refuses what is dated later than the time that is asked about', async () => {
    await type('at', '2026-11-01T00:00:00Z');
    expect((await shown('good-lead.json')).text).toContain('future');
    await type('at', '');
  });

  it('sets text of others as text, asks nobody for anything, and complains about nothing', async () => {
    const hostile = join(tmpdir(), `aga-page-${process.pid}`, 'hostile.json');
    const text = readFileSync(join(CORPUS, 'good-lead.json'), 'utf8').replaceAll(
      'quarterly report',
      '<img src=x onerror=document.title=1>',
    );
    writeFileSync(hostile, text);
    await type('trust', '');
    await page.choose('#file', hostile);
    await type('trust', TRUST);
    await page.until('document.body.dataset.verdict === "bad"');
    expect(await page.evaluate('document.body.innerText')).toContain('<img src=x');
    expect(await page.evaluate('document.querySelectorAll("img").length + document.title')).toBe('0Verify evidence');
    expect(page.requests.filter((url) => url !== pathToFileURL(PAGE).href)).toEqual([]);
    expect(page.complaints).toEqual([]);
  });
});
