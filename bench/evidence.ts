/**
 * `node --no-warnings bench/evidence.ts`: what evidence costs. Export and verify of 2,000 and 20,000 decisions from a file
 * store, an audit of 100,000 entries, signatures on one thread and on all, and the page in a browser where there is one.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { signer, verify, verifyAll } from '#ed25519';
import { bundlePage } from '../scripts/page.ts';
import { seal } from '../src/artifact/artifact.ts';
import { Audit } from '../src/authority/audit.ts';
import { genesisBytes } from '../src/authority/event/genesis.ts';
import type { Event } from '../src/authority/event/index.ts';
import { Ledger } from '../src/authority/ledger.ts';
import { toDidKey } from '../src/base/did-key.ts';
import { toBase64url } from '../src/base/encoding.ts';
import { formatInstant } from '../src/base/instant.ts';
import { verifierKey } from '../src/chain/checkpoint.ts';
import { buildBundle } from '../src/evidence/build.ts';
import { buildReceipts } from '../src/evidence/receipts/build.ts';
import { verifyBundle } from '../src/evidence/verify.ts';
import type { Row } from '../src/ports.ts';
import { EVERYTHING, intern } from '../src/scope/scope.ts';
import { openSqlite } from '../src/store/sqlite.ts';
import { CHROMIUM, openPage } from '../test/evidence/chromium.ts';
import { type Figure, median, print, times } from './measure.ts';

const ROUNDS = 5;
const ORIGIN = 'aga-delegate/bench';
const START = Date.UTC(2026, 10, 20, 10);
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

/** A chain of one root and so many decisions under it. */
async function chainOf(name: string, decisions: number) {
  const store = openSqlite(join(home, `${name}.db`));
  const ledger = new Ledger(ORIGIN);
  const unsigned = { kind: 'GENESIS' as const, authority: TRUST, log_key: verifierKey(ORIGIN, keys.log.publicKey) };
  const root = seal(
    {
      authority: TRUST,
      parent: null,
      depth: 0,
      holder: null,
      subject: 'bench',
      purpose: 'bench',
      nonce: 'AAAAAAAAAAAAAAAAAAAAAA',
      issued_at: formatInstant(START),
      expires_at: formatInstant(START + 1e10),
      scope: intern({
        permissions: EVERYTHING,
        argument_rules: [],
        limits: {},
        enforcement_triggers: ['ALERT_ONLY'],
        measurement_types: [],
      }),
      terms: { preset: null, min_binding: 'handle', budget_mode: null },
      delegation: { max_depth: 3, max_children: 32 },
    },
    keys.authority,
  );
  const decision = (n: number): Event => ({
    kind: 'DECISION',
    artifact_hash: root.hash,
    verdict: 'permit',
    code: null,
    refused_by: null,
    capability: 'tool.call',
    tool: 'files/read',
    arguments_digest: '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
    request_id: n,
    binding: 'operator',
    mode: 'enforce',
  });
  const first: Event[] = [
    { ...unsigned, signature: toBase64url(keys.authority.sign(genesisBytes(unsigned))) },
    { kind: 'ARTIFACT_CREATED', sealed: root, request: null },
  ];
  const rows: Row[] = [];
  for (let n = 0; n < decisions + first.length; n++) rows.push(ledger.append(first[n] ?? decision(n), START + n));
  await store.commit(0, () => ({ rows, head: ledger.head(keys.log) }));
  return { store, root: root.hash, rows, head: ledger.head(keys.log), end: START + decisions + 10 };
}

async function exportAndVerify(decisions: number, most?: number): Promise<string> {
  const { store, root, end } = await chainOf(`chain-${decisions}`, decisions);
  const subject = { artifact_hash: root };
  let text = '';
  const made = await times(ROUNDS, 1, async () => {
    text = (await buildBundle(store, subject, keys.log, end)).text;
  });
  figure(`export of ${decisions} decisions`, median(made), 'ms', most);
  figure(`  size`, text.length / 1e6, 'MB');
  figure(
    `verify of them, replay included`,
    median(await times(ROUNDS, 1, () => verifyBundle(text, { trust: TRUST, at: end }))),
    'ms',
  );
  let receipts = '';
  const made2 = await times(ROUNDS, 1, async () => {
    receipts = (await buildReceipts(store, root, keys.log, end)).text;
  });
  figure(`export of ${decisions} receipts`, median(made2), 'ms');
  const trust = toDidKey(keys.log.publicKey);
  figure(`verify of them`, median(await times(2, 1, () => verifyBundle(receipts, { trust, at: end }))), 'ms');
  await store.close();
  return text;
}

async function auditing(entries: number): Promise<void> {
  const { rows, head, store, root, end } = await chainOf('long', entries - 2);
  const samples = await times(3, 1, async () => {
    const audit = new Audit({ authority: TRUST });
    for (let at = 0; at < rows.length; at += 1000) await audit.feed(rows.slice(at, at + 1000));
    if (audit.finish(head).findings.length > 0) throw new Error('the audit found something');
  });
  figure(`audit of ${entries} entries: hashes, links, law`, entries / (median(samples) / 1000), 'entries/s');
  const one = await times(ROUNDS, 1, () => buildBundle(store, { first: 40_000, last: 40_009 }, keys.log, end));
  figure('export of ten entries in the middle of them', median(one), 'ms');
  void root;
  await store.close();
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
  const started = performance.now();
  await opened.choose('#file', bundle);
  await opened.until('document.body.dataset.verdict');
  figure('  to a verdict on 2,000 decisions, in Chromium', performance.now() - started, 'ms');
  await opened.close();
}

try {
  const text = await exportAndVerify(2000, 300);
  await exportAndVerify(20_000);
  await auditing(100_000);
  await signatures(10_000);
  await page(text);
  print(figures);
} finally {
  rmSync(home, { recursive: true, force: true });
}
