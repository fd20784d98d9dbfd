/** From one machine to many: the chain of a data directory in a database, unchanged. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { MIGRATIONS } from '../../src/store/postgres/schema.ts';
import { directory } from '../scratch.ts';
import { onPostgres } from '../store/postgres.suite.ts';
import { type Host, host, pagesOf } from './host.ts';
import { run } from './program.ts';

onPostgres('migrating to PostgreSQL', (on) => {
  /** A data directory with a chain of some hundred entries, and what its server answers about it. */
  async function lived(env: Record<string, string> = {}): Promise<{ home: string; root: string; child: string }> {
    const home = directory();
    const session = await host(home, { env });
    const root = await session.call('aga_create_artifact', { max_children: 1000, max_depth: 5 });
    let child = root.artifact_hash;
    for (let i = 0; i < 4; i++) {
      const many = Array.from({ length: 80 }, (_, j) =>
        session.call('aga_delegate_to_subagent', {
          parent_artifact_hash: j === 0 ? child : root.artifact_hash,
          permissions: { 'agent.delegate': ['*'] },
          request_id: `${i}-${j}`,
        }),
      );
      child = (await Promise.all(many))[0].child_artifact_hash;
    }
    await session.call('aga_revoke_artifact', { artifact_hash: child, reason: 'over' });
    await session.close();
    return { home, root: root.artifact_hash, child };
  }

  /** The drawing tells how long each still has, which goes by while the chain is copied. */
  const treeOf = async (session: Host, root: string) => {
    const { drawing, ...tree } = await session.call('aga_inspect', { artifact_hash: root, view: 'tree' });
    return { ...tree, drawing: drawing.replaceAll(/expires in \d+ min/g, 'expires') };
  };

  const told = async (session: Host, root: string, child: string) => {
    return {
      pages: await pagesOf(session, 100),
      verified: await session.call('aga_verify', {}),
      subtree: await session.call('aga_query_chain', { artifact_hash: child, limit: 500 }),
      tree: await treeOf(session, root),
    };
  };

  test('dry run, copy, and the same answers from the database: entries, hashes, checkpoints, requests', async () => {
    const { home, root, child } = await lived();
    const url = await on.pg.database();
    const env = { AGA_DATABASE_URL: url };
    const before = await host(home);
    const first = await told(before, root, child);
    await before.close();

    const dry = await run(['--data-dir', home, 'migrate', '--dry-run', '--json'], env);
    expect(dry.code).toBe(0);
    expect(JSON.parse(dry.out)).toMatchObject({ entries: 323, authority: 'default', dry_run: true });
    expect(JSON.parse(dry.out).schema).toHaveLength(MIGRATIONS.length);
    expect(await on.pg.sql(url, "SELECT to_regnamespace('aga')")).toEqual([[null]]);

    const done = await run(['--data-dir', home, 'migrate'], env);
    expect(done).toMatchObject({ code: 0, err: '' });
    expect(done.out).toMatch(/323 entries/);
    expect(JSON.parse((await run(['--data-dir', home, 'migrate', '--json'], env)).out)).toMatchObject({
      schema: [],
      entries: null,
    });

    const session = await host(home, { env });
    expect(await told(session, root, child)).toEqual(first);
    expect(first.verified).toMatchObject({ valid: true, entries_checked: 323 });
    // What was asked before is remembered, and what comes next follows.
    const again = { parent_artifact_hash: root, permissions: { 'agent.delegate': ['*'] }, request_id: '2-5' };
    expect((await session.call('aga_delegate_to_subagent', again)).chain.sequence_number).toBeLessThan(323);
    expect((await session.call('aga_delegate_to_subagent', { parent_artifact_hash: root })).chain.sequence_number).toBe(
      323,
    );
    expect((await session.call('aga_export_evidence', { artifact_hash: child })).entries).toBeGreaterThan(3);
    expect((await session.call('aga_verify', {})).valid).toBe(true);
    await session.close();

    const file = new DatabaseSync(join(home, 'chain.db'), { readOnly: true });
    const notes = file.prepare('SELECT size, note FROM checkpoints ORDER BY size').all();
    file.close();
    const copied = await on.pg.sql(url, 'SELECT size::int, note FROM aga.checkpoints WHERE size <= 323 ORDER BY size');
    expect(copied).toEqual(notes.map(({ size, note }) => [size, note]));
  });

  test('a chain of another name comes under that name, with its keys, and beside others', async () => {
    const env = { AGA_DATABASE_URL: await on.pg.database() };
    const { home, root } = await lived({ AGA_AUTHORITY: 'red' });
    const refused = await run(['--data-dir', home, 'migrate'], env);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/belongs to the authority "red"/);
    const other = await host(directory(), { env });
    await other.call('aga_create_artifact', {});
    await other.close();
    expect((await run(['--data-dir', home, 'migrate'], { ...env, AGA_AUTHORITY: 'red' })).code).toBe(0);
    const session = await host(home, { env: { ...env, AGA_AUTHORITY: 'red' } });
    expect((await session.call('aga_inspect', { artifact_hash: root })).artifact.authority).toMatch(/^did:key:/);
    expect(await session.call('aga_verify', {})).toMatchObject({ valid: true, entries_checked: 323 });
    await session.close();
  });

  test('a chain that stays behind is named: another one than the database holds, and one that has gone on', async () => {
    const env = { AGA_DATABASE_URL: await on.pg.database() };
    const [home, other] = [directory(), directory()];
    const made = async (dir: string) => expect((await run(['--data-dir', dir, 'create'])).code).toBe(0);
    const migrated = async (dir: string, ...more: string[]) => {
      const { code, out } = await run(['--data-dir', dir, 'migrate', '--json', ...more], env);
      return { code, ...JSON.parse(out) };
    };
    for (const dir of [home, other]) await made(dir);
    expect(await migrated(home)).toMatchObject({ code: 0, entries: 2, left: 0 });
    expect(await migrated(home)).toMatchObject({ code: 0, entries: null, left: 0 });
    expect(await migrated(other)).toMatchObject({ code: 0, entries: null, left: 2 });
    expect(await migrated(other, '--dry-run')).toMatchObject({ left: 2 });
    expect((await run(['--data-dir', other, 'migrate'], env)).out).toMatch(/^2 entries .* were not copied.* another/m);
    await made(home);
    expect(await migrated(home)).toMatchObject({ left: 3 });
  });

  test('a chain that was tampered with, or is in use, is not copied; nothing of it stays', async () => {
    const { home } = await lived();
    const url = await on.pg.database();
    const env = { AGA_DATABASE_URL: url };
    const file = new DatabaseSync(join(home, 'chain.db'));
    file.exec('BEGIN IMMEDIATE');
    const busy = await run(['--data-dir', home, 'migrate'], env);
    expect(busy.code).toBe(1);
    expect(busy.err).toMatch(/CHAIN_CONTENDED/);
    file.exec('ROLLBACK');
    file.exec(
      `DROP TRIGGER entries_stay; UPDATE entries SET entry = replace(entry, 'Sub-agent', 'Sup-agent') WHERE seq = 200`,
    );
    file.close();
    const broken = await run(['--data-dir', home, 'migrate'], env);
    expect(broken.code).toBe(1);
    expect(broken.err).toMatch(/CHAIN_BROKEN: Entry 200/);
    expect(await on.pg.sql(url, 'SELECT count(*)::int FROM aga.entries')).toEqual([[0]]);
  });

  test('without a database, or without a chain, it says so', async () => {
    const bare = await run(['--data-dir', directory(), 'migrate', '--dry-run'], {});
    expect(bare).toMatchObject({ code: 1, out: '' });
    expect(bare.err).toMatch(/AGA_DATABASE_URL is not set/);
    const home = directory();
    const env = { AGA_DATABASE_URL: await on.pg.database() };
    const done = await run(['--data-dir', home, 'migrate', '--json'], env);
    expect(JSON.parse(done.out)).toMatchObject({ entries: null });
  });
});
