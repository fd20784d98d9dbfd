/**
 * `node --no-warnings --expose-gc bench/evidence.ts`: what evidence costs. Export and verify of 2,000 and 20,000 decisions from a file
 * store, an audit of 100,000 entries, signatures on one thread and on all, and the page in a browser where there is one.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { signer, verify, verifyAll } from '#ed25519';
import { bundlePage } from '../scripts/page.ts';
import { Audit } from '../src/authority/audit.ts';
import { toDidKey } from '../src/base/did-key.ts';
import { exportBundle } from '../src/evidence/export.ts';
import { buildReceipts } from '../src/evidence/receipts/build.ts';
import { verifyBundle } from '../src/evidence/verify.ts';
import { openDraft } from '../src/store/file-draft.ts';
import { openSqlite, type SqliteStore } from '../src/store/sqlite.ts';
import { buildBundle } from '../test/evidence/build.ts';
import { CHROMIUM, openPage } from '../test/evidence/chromium.ts';
import { type LongChain, longChain } from '../test/evidence/long-chain.ts';
import { type Figure, median, print, times } from './measure.ts';

const ROUNDS = 5;
const keys = { authority: signer(new Uint8Array(32).fill(1)), log: signer(new Uint8Array(32).fill(2)) };
const TRUST = toDidKey(keys.authority.publicKey);
const home = mkdtempSync(join(tmpdir(), 'aga-bench-'));
const figures: Figure[] = [];
const figure = (name: string, value: number, unit: string, most?: number): void => {
  const ratio =
    most === undefined
      ? {}
      : { ratio: { to: `${most} ${unit}`, value: value / most, target: '≤ 1', met: value <= most } };
  figures.push({ name, value, unit, ...ratio });
};

async function chainOf(decisions: number): Promise<LongChain & { readonly store: SqliteStore }> {
  const store = openSqlite(join(home, `chain-${decisions}.db`));
  return { ...(await longChain(store, decisions, keys)), store };
}

/** To disk, as the command line does it. */
async function exportFile({ store, root, end }: Awaited<ReturnType<typeof chainOf>>, watch = (): void => undefined) {
  const out = join(home, 'evidence.json');
  const draft = await openDraft(out);
  try {
    await exportBundle(store, { artifact_hash: root }, draft, { log: keys.log, time: end, watch });
    return await draft.finish(out);
  } finally {
    await draft.close();
  }
}

async function exportAndVerify(decisions: number, most?: number): Promise<string> {
  const chain = await chainOf(decisions);
  const { store, root, end } = chain;
  const made = await times(ROUNDS, 1, () => exportFile(chain));
  figure(`export of ${decisions} decisions to a file`, median(made), 'ms', most);
  const text = readFileSync(await exportFile(chain), 'utf8');
  figure('  size', text.length / 1e6, 'MB');
  const judged = await times(ROUNDS, 1, () => verifyBundle(text, { trust: TRUST, at: end }));
  figure('  verify of it, replay included', median(judged), 'ms');
  let receipts = '';
  const made2 = await times(ROUNDS, 1, async () => {
    receipts = (await buildReceipts(store, root, keys.log, end)).text;
  });
  figure(`export of ${decisions} receipts`, median(made2), 'ms');
  const trust = toDidKey(keys.log.publicKey);
  figure('  verify of them', median(await times(2, 1, () => verifyBundle(receipts, { trust, at: end }))), 'ms');
  await store.close();
  return text;
}

async function auditing(decisions: number): Promise<void> {
  const chain = await chainOf(decisions);
  const { store, end } = chain;
  const { rows, head } = await store.read({ after: -1, limit: decisions + 2 });
  const samples = await times(3, 1, async () => {
    const audit = new Audit({ authority: TRUST });
    for (let at = 0; at < rows.length; at += 1000) await audit.feed(rows.slice(at, at + 1000));
    if (audit.finish(head).findings.length > 0) throw new Error('the audit found something');
  });
  figure(`audit of ${rows.length} entries: hashes, links, law`, rows.length / (median(samples) / 1000), 'entries/s');
  const middle = decisions >> 1;
  const subject = { first: middle, last: middle + 9 };
  const one = await times(ROUNDS, 1, () => buildBundle(store, subject, keys.log, end));
  figure('export of ten entries in the middle of them', median(one), 'ms');
  const before = heap();
  let most = 0;
  let pages = 0;
  const all = await times(1, 0, () =>
    exportFile(chain, () => {
      pages += 1;
      if (pages % 10 === 0) most = Math.max(most, heap() - before);
    }),
  );
  figure('export of all of them to a file', all[0] ?? Number.NaN, 'ms');
  figure('  live memory beyond the process itself', most / 1e6, 'MB');
  await store.close();
}

/** Needs --expose-gc to be of any worth. */
function heap(): number {
  global.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function signatures(count: number): Promise<void> {
  const jobs = Array.from({ length: count }, (_, n) => {
    const message = new TextEncoder().encode(`message ${n}`.padEnd(700, '.'));
    return { signature: keys.log.sign(message), message, publicKey: keys.log.publicKey };
  });
  const alone = await times(2, 1, () =>
    jobs.every(({ signature, message, publicKey }) => verify(signature, message, publicKey)),
  );
  const all = await times(2, 1, () => verifyAll(jobs));
  figure(`${count} signatures, one thread`, count / (median(alone) / 1000), '1/s');
  figure('  all threads', count / (median(all) / 1000), '1/s');
}

/** In the page itself: what asking it from outside costs is not the page's. */
const STOPWATCH = `
  document.getElementById('file').addEventListener('change', () => { window.chosenAt = performance.now(); }, true);
  const seen = () => { if (document.body.dataset.verdict) window.verdictAt = performance.now(); };
  new MutationObserver(seen).observe(document.body, { attributes: true });
`;

async function page(text: string): Promise<void> {
  const [html, bundle] = [join(home, 'verify.html'), join(home, 'bundle.json')];
  await bundlePage(html);
  figure('page', statSync(html).size / 1000, 'kB');
  if (!CHROMIUM) return;
  writeFileSync(bundle, text);
  const opened = await openPage(pathToFileURL(html).href);
  const trust = `{ const b = document.getElementById('trust'); b.value = '${TRUST}'; b.dispatchEvent(new Event('input')); }`;
  await opened.evaluate(trust);
  await opened.evaluate('document.getElementById("at").value = "2030-01-01T00:00:00Z"');
  await opened.evaluate(STOPWATCH);
  await opened.choose('#file', bundle);
  await opened.until('document.body.dataset.verdict');
  figure('  to a verdict on 2,000 decisions, in Chromium', await opened.evaluate('verdictAt - chosenAt'), 'ms');
  await opened.close();
}

try {
  const text = await exportAndVerify(2000, 300);
  await exportAndVerify(20_000);
  await auditing(99_998);
  await signatures(10_000);
  await page(text);
  print(figures);
} finally {
  rmSync(home, { recursive: true, force: true });
}
