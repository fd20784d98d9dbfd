/** Somebody edits the database file: what `aga_verify` says of it, and what every other call does. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { signer } from '#ed25519';
import { open, seal } from '../../src/artifact/artifact.ts';
import type { Entry } from '../../src/chain/entry.ts';
import type { Signer } from '../../src/ports.ts';
import { likeThose, rebuilt, scope } from '../authority/forge.ts';
import { directory } from '../scratch.ts';
import { type Host, refused, start } from './host.ts';

/** 0 genesis · 1 root · 2 helper · 3 below it · 4 another child · 5 that one is revoked. */
async function history(): Promise<{ path: string; root: string; server: Host }> {
  const path = directory();
  const server = await start(path);
  const root = await server.call('aga_create_artifact', { permitted_tools: ['files/**'] });
  const helper = await server.call('aga_delegate_to_subagent', {
    permissions: { 'tool.call': ['files/**'], 'agent.delegate': ['*'] },
  });
  await server.call('aga_delegate_to_subagent', {
    parent_artifact_hash: helper.child_artifact_hash,
    permitted_tools: ['files/read'],
  });
  const { child_artifact_hash } = await server.call('aga_delegate_to_subagent', { sub_agent_id: 'other' });
  await server.call('aga_revoke_artifact', { artifact_hash: child_artifact_hash, reason: 'done' });
  return { path, root: root.artifact_hash, server };
}

/** As someone who owns the file can: the triggers go first. */
function tamper<T>(path: string, change: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(join(path, 'chain.db'));
  try {
    for (const { name } of db.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all()) {
      db.exec(`DROP TRIGGER ${name}`);
    }
    return change(db);
  } finally {
    db.close();
  }
}

const sql = (text: string) => (path: string) => tamper(path, (db) => db.exec(text));

function keyIn(path: string, name: string): Signer {
  const { d } = createPrivateKey(readFileSync(join(path, name))).export({ format: 'jwk' });
  return signer(Buffer.from(d ?? '', 'base64url'));
}

/** With both keys of the installation: an expansion under a checkpoint that is in order. */
function signExpansion(path: string): void {
  tamper(path, (db) => {
    const rows = db.prepare('SELECT entry FROM entries ORDER BY seq').all();
    const entries = rows.map(({ entry }): Entry => JSON.parse(String(entry)));
    const last = entries.at(-1)!;
    const helper = open(entries[2]!.event.artifact!);
    const { signature: _, ...draft } = helper.artifact;
    const wide = seal(
      {
        ...draft,
        parent: helper.hash,
        depth: 2,
        scope: scope({ 'tool.call': ['**'] }),
        delegation: { max_depth: 0, max_children: 0 },
      },
      keyIn(path, 'authority.key'),
    );
    const entry = { ...likeThose(entries).delegated(wide, helper, Date.parse(last.timestamp)), chain: last.chain };
    const forged = rebuilt([...entries, entry], keyIn(path, 'log.key'), last.chain);
    const added = forged.rows.at(-1)!;
    db.prepare('INSERT INTO entries VALUES (?, ?, ?, ?)').run(6, added.entry_hash, added.kind, added.entry);
    db.prepare("INSERT INTO checkpoints VALUES (?, ?, x'')").run(7, forged.head!.checkpoint);
  });
}

interface Finding {
  readonly sequence_number: number | null;
  readonly rule: string;
}

const said = (findings: readonly Finding[]): string[] =>
  findings.map(({ sequence_number, rule }) => `${sequence_number ?? '*'} ${rule}`);

const ATTACKS: readonly (readonly [string, (path: string) => void, readonly string[]])[] = [
  [
    'a payload is changed',
    sql('UPDATE entries SET entry = replace(entry, \'"done"\', \'"gone"\') WHERE seq = 5'),
    ['5 entry_hash', '* head', '* root'],
  ],
  [
    'two entries change places',
    sql(
      'UPDATE entries SET seq = 9 WHERE seq = 3; UPDATE entries SET seq = 3 WHERE seq = 4; UPDATE entries SET seq = 4 WHERE seq = 9',
    ),
    ['3 sequence_number'],
  ],
  ['an entry is removed', sql('DELETE FROM entries WHERE seq = 4'), ['5 sequence_number', '* head']],
  [
    'an entry is added',
    sql('INSERT INTO entries SELECT 6, hash, kind, entry FROM entries WHERE seq = 5'),
    ['6 sequence_number', '6 previous_hash', '6 law.ARTIFACT_REVOKED', '* head'],
  ],
  [
    'the tail is cut, and the head made to fit',
    sql('DELETE FROM entries WHERE seq > 3; DELETE FROM checkpoints WHERE size > 4'),
    ['* remembered'],
  ],
  ['the head is cut', sql('DELETE FROM entries WHERE seq < 2'), ['2 sequence_number', '* authority']],
  [
    'a checkpoint is changed',
    sql("UPDATE checkpoints SET note = replace(note, char(10) || '6' || char(10), char(10) || '7' || char(10))"),
    ['* checkpoint'],
  ],
  ['the issuer signed an expansion', signExpansion, ['6 law.LEASE_SUBSET_VIOLATION']],
];

describe.each(ATTACKS)('where %s', (_, attack, expected) => {
  it('aga_verify says what is wrong and where, with and without a snapshot', async () => {
    const { path, server } = await history();
    expect(await server.close()).toBe(0);
    attack(path);
    for (const keep of [true, false]) {
      if (!keep) rmSync(join(path, 'snapshot'), { force: true });
      const again = await start(path);
      const report = await again.call('aga_verify');
      expect(report.valid).toBe(false);
      expect(said(report.findings)).toEqual(expect.arrayContaining([...expected]));
      expect(await again.close()).toBe(0);
    }
  });
});

/** What the entries of an artifact are found by is no part of the chain, and who changes it changes what others are shown. */
const MISLEADING: readonly (readonly [string, string, readonly string[]])[] = [
  ['hides an entry', 'DELETE FROM touches WHERE seq = 5 AND direct = 1', ['5 index']],
  ['hides it from those above', 'DELETE FROM touches WHERE seq = 5 AND direct = 0', ['5 index']],
  [
    'says that only a descendant is named',
    'UPDATE touches SET direct = 0 WHERE seq = 5 AND direct = 1',
    ['5 index', '* index'],
  ],
  [
    'shows one more',
    'INSERT OR IGNORE INTO touches SELECT artifact, 0, 5 FROM touches WHERE seq = 3',
    ['* index', '* index'],
  ],
  [
    'shows one twice',
    'INSERT INTO touches SELECT artifact, 0, 5 FROM touches WHERE seq = 5 AND direct = 1',
    ['* index'],
  ],
  [
    'waits for one',
    'INSERT INTO touches SELECT artifact, 1, 99 FROM touches WHERE seq = 5 AND direct = 1',
    ['* index'],
  ],
  ['knows strangers', "INSERT INTO touches VALUES (x'ab', 7, 2)", ['* index']],
  ['shows one for another', 'UPDATE touches SET seq = 2 WHERE seq = 5 AND direct = 1', ['5 index', '* index']],
  ['is gone', 'DELETE FROM touches', ['1 index', '2 index', '3 index', '4 index', '5 index']],
];

it.each(MISLEADING)(
  'where the index by artifact %s, aga_verify says so, and what is written goes on',
  async (...[, change, expected]) => {
    const { path, server } = await history();
    expect((await server.call('aga_verify')).findings).toEqual([]);
    expect(await server.close()).toBe(0);
    sql(change)(path);
    const again = await start(path);
    const report = await again.call('aga_verify');
    expect([report.valid, said(report.findings)]).toEqual([false, expected]);
    await again.call('aga_create_artifact');
    expect(said((await again.call('aga_verify')).findings)).toEqual(expected);
    expect(await again.close()).toBe(0);
  },
);

const REFUSED: readonly (readonly [string, object])[] = [
  ['aga_create_artifact', {}],
  ['aga_delegate_to_subagent', {}],
  ['aga_inspect', { view: 'tree' }],
  ['aga_query_chain', {}],
];

describe('a running server', () => {
  it('does not go on where the store no longer holds what it has seen', async () => {
    const { path, server } = await history();
    sql('DELETE FROM entries WHERE seq > 3; DELETE FROM checkpoints WHERE size > 4')(path);
    for (const [tool, input] of REFUSED) expect((await refused(server.call(tool, input))).code).toBe('CHAIN_BROKEN');
    const report = await server.call('aga_verify');
    expect(report.valid).toBe(false);
    expect(report.findings[0].message).toContain('seen here before');
    // Nothing was built on the shortened chain.
    expect(tamper(path, (db) => db.prepare('SELECT count(*) AS n FROM entries').get()?.n)).toBe(4);
  });

  it('shows no entry whose text was changed behind it', async () => {
    const { path, server } = await history();
    sql(`UPDATE entries SET entry = replace(entry, '"purpose":"', '"purpose":"another ') WHERE seq = 2`)(path);
    expect((await refused(server.call('aga_query_chain', {}))).code).toBe('CHAIN_BROKEN');
    expect((await server.call('aga_query_chain', { after: 2 })).entries[0].sequence_number).toBe(3);
  });

  it('that was closed in order remembers the end of the chain for the next one', async () => {
    const { path, server } = await history();
    await server.close();
    rmSync(join(path, 'snapshot'), { force: true });
    sql('DELETE FROM entries WHERE seq > 3; DELETE FROM checkpoints WHERE size > 4')(path);
    const next = await start(path);
    for (const [tool, input] of REFUSED) expect((await refused(next.call(tool, input))).code).toBe('CHAIN_BROKEN');
  });
});

describe('a backup of the keys and another database', () => {
  it('do not go together', async () => {
    const [one, two] = [await history(), await history()];
    await Promise.all([one.server.close(), two.server.close()]);
    for (const name of ['chain.db', 'snapshot', 'checkpoint']) rmSync(join(one.path, name), { force: true });
    tamper(two.path, (db) => db.exec(`VACUUM INTO '${join(one.path, 'chain.db')}'`));
    const mixed = await start(one.path);
    expect((await refused(mixed.call('aga_inspect', { view: 'tree' }))).code).toBe('CHAIN_BROKEN');
    const report = await mixed.call('aga_verify');
    expect(report.valid).toBe(false);
    expect(said(report.findings)).toContain('0 authority');
  });
});
