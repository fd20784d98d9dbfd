/** `aga_export_evidence`, `aga_verify` of a bundle and the evidence resource: who gets what, and what it is worth. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { signer } from '#ed25519';
import { toDidKey } from '../../src/base/did-key.ts';
import { toHex } from '../../src/base/encoding.ts';
import { leafHash } from '../../src/chain/tree.ts';
import { governedSession } from '../../src/edge/mcp/governed.ts';
import { verifyBundle } from '../../src/evidence/verify.ts';
import type { Row } from '../../src/ports.ts';
import { fileArchive } from '../../src/store/file-archive.ts';
import { as, KEYS, kernel, refusal, seed } from '../kernel.ts';
import { directory } from '../scratch.ts';
import { type Scene, scene } from './scene.ts';

const TRUST = toDidKey(KEYS.authority.publicKey);
const UNKNOWN = '0'.repeat(64);
let s: Scene;

beforeAll(async () => {
  s = await scene();
});

const textOf = async (resource: string, caller = s.k.operator): Promise<string | undefined> =>
  (await governedSession(s.k.service, caller).readResource(resource))?.contents[0]?.text;

describe('aga_export_evidence', () => {
  it('names a file that verifies with nothing but the authority key', async () => {
    const made = await s.k.call('aga_export_evidence', { artifact_hash: s.lead });
    expect(made).toMatchObject({ path: expect.stringMatching(/evidence/), entries: 24 });
    expect(made.checkpoint.split('\n')[1]).toBe('26');
    const text = await textOf(made.resource);
    expect((await verifyBundle(text!, { trust: TRUST })).valid).toBe(true);
  });

  it('takes what the session is about when nothing is named', async () => {
    expect((await s.k.call('aga_export_evidence', {}, as(s.lead))).entries).toBe(24);
    const fresh = await scene();
    const nobody = { ...fresh.k.operator, session: { lastRoot: null } };
    expect((await refusal(fresh.k.call('aga_export_evidence', {}, nobody))).code).toBe('NO_ARTIFACT');
  });

  it('gives a bound session its own subtree, and the same answer for foreign and unknown', async () => {
    const { entries } = await s.k.call('aga_export_evidence', { artifact_hash: s.worker }, as(s.lead));
    expect(entries).toBe(17);
    const told = await Promise.all(
      [s.boss, s.sibling, UNKNOWN].map((artifact_hash) =>
        refusal(s.k.call('aga_export_evidence', { artifact_hash }, as(s.lead))),
      ),
    );
    expect(new Set(told.map((body) => JSON.stringify(body))).size).toBe(1);
    expect(told[0]!.code).toBe('ARTIFACT_NOT_FOUND');
    expect((await refusal(s.k.call('aga_export_evidence', { artifact_hash: UNKNOWN }))).code).toBe(
      'ARTIFACT_NOT_FOUND',
    );
  });

  it('writes nothing on the chain', async () => {
    const size = async () => (await s.store.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 })).head?.size;
    const before = await size();
    await s.k.call('aga_export_evidence', { artifact_hash: s.boss });
    expect(await size()).toBe(before);
  });

  it('gives receipts of tool calls, signed by the log key', async () => {
    const made = await s.k.call('aga_export_evidence', { artifact_hash: s.lead, format: 'governance-receipts' });
    expect(made.entries).toBe(11);
    const text = (await textOf(made.resource))!;
    const trust = toDidKey(KEYS.log.publicKey);
    expect((await verifyBundle(text, { trust })).valid).toBe(true);
    expect((await verifyBundle(text, { trust: TRUST })).valid).toBe(false);
    const { receipts } = JSON.parse(text);
    expect(receipts.map((each: { request_id: unknown }) => each.request_id)).toContain('x');
    const quiet = await s.k.call('aga_create_artifact', { subject: 'quiet' });
    const empty = s.k.call('aga_export_evidence', {
      artifact_hash: quiet.artifact_hash,
      format: 'governance-receipts',
    });
    expect((await refusal(empty)).code).toBe('INVALID_REQUEST');
  });
});

it.each(['aga', 'governance-receipts'])('is not made of entries that were changed meanwhile: %s', async (format) => {
  const changed = (row: Row): Row => ({ ...row, entry: row.entry.replace('"tool":"', '"tool":"bank') });
  const hashed = (row: Row): Row => ({ ...row, entry_hash: toHex(leafHash(row.entry)) });
  let shown = (row: Row): Row => row;
  const k = kernel({
    store: {
      read: async (query) => {
        const { rows, head } = await s.k.store.read(query);
        return { rows: rows.map((row) => (row.kind === 'DECISION' ? shown(row) : row)), head };
      },
      commit: (size, decide) => s.k.store.commit(size, decide),
      durable: async () => {},
      close: async () => {},
    },
  });
  const made = () => k.call('aga_export_evidence', { artifact_hash: s.lead, format });
  await made();
  for (shown of [changed, (row: Row) => hashed(changed(row))])
    expect((await refusal(made())).code).toBe('CHAIN_BROKEN');
});

describe('evidence as a resource', () => {
  it('is for the operator, and for the artifacts above what it is about', async () => {
    for (const format of ['aga', 'governance-receipts']) {
      const { resource } = await s.k.call('aga_export_evidence', { artifact_hash: s.worker, format });
      expect(await textOf(resource)).toBeDefined();
      expect(await textOf(resource, as(s.lead))).toBeDefined();
      await expect(textOf(resource, as(s.sibling))).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND' });
    }
    for (const uri of ['aga://evidence/unknown', 'aga://evidence/../keys']) {
      await expect(textOf(uri)).rejects.toMatchObject({ code: 'ARTIFACT_NOT_FOUND' });
    }
  });
});

describe('aga_verify of a bundle', () => {
  it('answers as a stranger would, for this installation or for another key', async () => {
    const { resource, path } = await s.k.call('aga_export_evidence', { artifact_hash: s.worker });
    const ask = (input: object, caller = s.k.operator) =>
      s.k.call('aga_verify', { target: 'bundle', ...input }, caller);
    const good = await ask({ bundle_path: resource });
    expect(good).toMatchObject({ valid: true, findings: [], entries_checked: 17, signatures_checked: 7 });
    expect(good.head.root_hash).toMatch(/^[0-9a-f]{64}$/);
    expect((await ask({ bundle_path: path })).valid).toBe(true);
    expect((await ask({ bundle_path: path }, as(s.lead))).valid).toBe(true);
    const stranger = toDidKey(signer(seed('stranger')).publicKey);
    expect((await ask({ bundle_path: path, trust: stranger })).findings).toMatchObject([{ rule: 'authority' }]);
    const receipts = await s.k.call('aga_export_evidence', { artifact_hash: s.worker, format: 'governance-receipts' });
    expect(await ask({ bundle_path: receipts.resource })).toMatchObject({ valid: true, entries_checked: 7 });
  });

  it('judges what is named, also where no target is, and never something else', async () => {
    const { path } = await s.k.call('aga_export_evidence', { artifact_hash: s.worker });
    const ask = (input: object) => s.k.call('aga_verify', input);
    const bundle = await ask({ target: 'bundle', bundle_path: path });
    expect(await ask({ bundle_path: path })).toEqual(bundle);
    expect((await refusal(ask({ bundle_path: '/no/such/file' }))).code).toBe('NOT_FOUND');
    expect(await ask({ artifact_hash: s.worker })).toEqual(await ask({ target: 'artifact', artifact_hash: s.worker }));
    for (const [input, member] of [
      [{ target: 'chain', bundle_path: path }, 'bundle_path'],
      [{ target: 'artifact', bundle_path: path }, 'bundle_path'],
      [{ target: 'chain', artifact_hash: s.worker }, 'artifact_hash'],
      [{ bundle_path: path, artifact_hash: s.worker }, 'artifact_hash'],
    ] as const) {
      const no = await refusal(ask(input));
      expect([input, no.code, no.message]).toEqual([input, 'INVALID_REQUEST', expect.stringContaining(member)]);
    }
  });

  it('lets a bound session name its own evidence only', async () => {
    const { path } = await s.k.call('aga_export_evidence', { artifact_hash: s.lead });
    for (const bundle_path of [path, '/etc/passwd', 'aga://evidence/none', 'evidence.json']) {
      const told = await refusal(s.k.call('aga_verify', { target: 'bundle', bundle_path }, as(s.worker)));
      expect(told.code).toBe('ARTIFACT_NOT_FOUND');
    }
    const missing = s.k.call('aga_verify', { target: 'bundle', bundle_path: '/no/such/file' });
    expect((await refusal(missing)).code).toBe('NOT_FOUND');
    expect((await refusal(s.k.call('aga_verify', { target: 'bundle' }))).code).toBe('INVALID_REQUEST');
  });
});

describe('the archive on disk', () => {
  it('reads files and nothing that never ends', async () => {
    for (const path of ['/dev/zero', '/dev', '/no/such/file'])
      expect([path, await fileArchive('/no/such/folder').open(path)]).toEqual([path, undefined]);
  });

  it('writes whole files that nobody else reads, and knows its own by their path', async () => {
    const folder = directory();
    const archive = fileArchive(join(folder, 'evidence'));
    const path = await archive.save('a-1', '{}');
    expect(readFileSync(path, 'utf8')).toBe('{}');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'evidence')).mode & 0o777).toBe(0o700);
    await archive.save('a-1', '{"again":1}');
    expect(new TextDecoder().decode(await archive.load('a-1'))).toBe('{"again":1}');
    expect(archive.idOf(path)).toBe('a-1');
    expect(archive.idOf('a-1.json')).toBe('a-1');
    writeFileSync(join(folder, 'secret.json'), 'secret');
    for (const other of ['../secret.json', join(folder, 'secret.json'), 'a-1', 'A.json', '']) {
      expect(archive.idOf(other)).toBeUndefined();
    }
    expect(await archive.load('../secret')).toBeUndefined();
    expect(new TextDecoder().decode(await archive.open(join(folder, 'secret.json')))).toBe('secret');
    await expect(archive.save('../x', '')).rejects.toThrow(TypeError);
  });

  it('keeps what an interrupted export has written, and names a file only when it is whole', async () => {
    const folder = directory();
    const archive = fileArchive(join(folder, 'evidence'));
    const utf8 = (text: string) => new TextEncoder().encode(text);
    const first = await archive.draft('a');
    await first.rewind(0, 0);
    await first.write(utf8('{"half":'));
    await first.note('as far as this');
    await first.close();
    expect(readdirSync(join(folder, 'evidence')).sort()).toEqual(['a.part', 'a.part.notes']);
    expect(statSync(join(folder, 'evidence', 'a.part')).mode & 0o777).toBe(0o600);
    for (const id of ['a', 'a.part']) expect(await archive.load(id)).toBeUndefined();
    const next = await archive.draft('a');
    expect(next.notes).toEqual(['as far as this']);
    await next.rewind(8, 1);
    await next.write(utf8('1}'));
    await expect(next.finish('../a')).rejects.toThrow(TypeError);
    expect(await next.finish('a-2')).toBe(join(folder, 'evidence', 'a-2.json'));
    await next.close();
    expect(readdirSync(join(folder, 'evidence'))).toEqual(['a-2.json']);
    expect(new TextDecoder().decode(await archive.load('a-2'))).toBe('{"half":1}');
    await expect(archive.draft('../x')).rejects.toThrow(TypeError);
    const unused = await archive.draft('b');
    await unused.close();
    expect(readdirSync(join(folder, 'evidence'))).toEqual(['a-2.json']);
  });
});
