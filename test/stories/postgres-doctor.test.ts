/** What `doctor` says of a shared database, in every state in which an operator may find it. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GRANTS, MIGRATIONS } from '../../src/store/postgres/schema.ts';
import { directory } from '../scratch.ts';
import { onPostgres } from '../store/postgres.suite.ts';
import { run } from './program.ts';

interface Finding {
  readonly name: string;
  readonly status: 'ok' | 'note' | 'broken';
  readonly message: string;
  readonly fix?: string;
}

onPostgres('doctor and PostgreSQL', (on) => {
  const SECRET = 'very-secret-word';
  const role = `doctor_${Date.now().toString(36)}`;
  let home: string;
  /** Begun, as its owner sees it, and as a replica does. */
  let owner: string;
  let replica: string;
  const as = (url: string, user: string): string => {
    const spoken = new URL(url);
    spoken.username = user;
    spoken.password = SECRET;
    return spoken.href;
  };
  /** A database with a chain. */
  const begun = async (at: string): Promise<string> => {
    const url = await on.pg.database();
    expect(await run(['--data-dir', at, 'create'], { AGA_DATABASE_URL: url })).toMatchObject({ code: 0 });
    return url;
  };
  beforeAll(async () => {
    home = directory();
    owner = await begun(home);
    await on.pg.sql(owner, `CREATE ROLE ${role} LOGIN PASSWORD '${SECRET}'`);
    await on.pg.sql(owner, ...GRANTS.map((grant) => grant.replace('%ROLE%', role)));
    replica = as(owner, role);
  });
  afterAll(async () => {
    await on.pg.sql(owner, `DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
  });

  async function examined(url: string, at = home): Promise<{ code: number | null; of(name: string): Finding[] }> {
    const { code, out, err } = await run(['--data-dir', at, 'doctor', '--json'], { AGA_DATABASE_URL: url });
    expect(err).toBe('');
    expect(out).not.toContain(SECRET);
    const { ok, checks }: { ok: boolean; checks: Finding[] } = JSON.parse(out);
    expect(code).toBe(ok ? 0 : 1);
    return { code, of: (name) => checks.filter((each) => each.name === name) };
  }

  test('all is well', async () => {
    const { code, of } = await examined(replica);
    expect(code).toBe(0);
    expect(of('database')).toEqual([
      { name: 'database', status: 'ok', message: expect.stringMatching(/^PostgreSQL \d+.*tables are up to date$/) },
    ]);
    expect(of('chain')).toMatchObject([
      { status: 'ok', message: expect.stringMatching(/^2 entries, the head is signed/) },
    ]);
    expect(of('role')).toEqual([]);
  });

  test('verify makes neither tables nor a chain where there are none, and calls neither well', async () => {
    const verify = (url: string, name: string) =>
      run(['--data-dir', directory(), 'verify'], { AGA_DATABASE_URL: url, AGA_AUTHORITY: name });
    const empty = await on.pg.database();
    for (const [url, name] of [
      [empty, 'default'],
      [owner, 'misspelt'],
    ] as const)
      expect(await verify(url, name)).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining(`no chain named "${name}"`),
      });
    expect(await on.pg.sql(empty, "SELECT 1 FROM pg_namespace WHERE nspname = 'aga'")).toEqual([]);
    expect(await on.pg.sql(owner, "SELECT 1 FROM aga.chains WHERE name = 'misspelt'")).toEqual([]);
  });

  test('verify finds what the owner took out of the index by artifact, and what he put in', async () => {
    const at = directory();
    const url = await begun(at);
    const judged = async () => {
      const { code, out } = await run(['--data-dir', at, 'verify', '--json'], { AGA_DATABASE_URL: url });
      const { findings } = JSON.parse(out);
      return [code, ...findings.map(({ sequence_number, rule }: any) => `${sequence_number} ${rule}`)];
    };
    await on.pg.sql(url, 'ALTER TABLE aga.touches DISABLE TRIGGER ALL');
    expect(await judged()).toEqual([0]);
    await on.pg.sql(url, 'UPDATE aga.touches SET seq = 0');
    expect(await judged()).toEqual([1, '1 index', 'null index']);
    await on.pg.sql(url, 'DELETE FROM aga.touches');
    expect(await judged()).toEqual([1, '1 index']);
  });

  test('a role that owns the tables is worth a note', async () => {
    const { code, of } = await examined(owner);
    expect(code).toBe(0);
    expect(of('role')).toMatchObject([{ status: 'note', message: expect.stringMatching(/owns the tables/) }]);
  });

  test.each<[string, (url: URL) => void, RegExp]>([
    ['nobody listens', (url) => (url.port = '1'), /ECONNREFUSED/],
    ['there is no such database', (url) => (url.pathname = '/nowhere'), /does not exist/],
    ['it has no TLS, which is asked for', (url) => (url.search = 'sslmode=require'), /no TLS|certificate/],
  ])(
    'it cannot be reached: %s',
    async (_, spoil, message) => {
      const url = new URL(as(owner, 'postgres'));
      spoil(url);
      const { code, of } = await examined(url.href);
      expect(code).toBe(1);
      expect(of('database')).toMatchObject([
        { status: 'broken', message: expect.stringMatching(message), fix: expect.stringMatching(/./) },
      ]);
      // Nobody knows whether there is a chain: nothing is said of it.
      expect(of('chain')).toEqual([]);
    },
    30_000,
  );

  test('an empty database: migrate, and the chain is none of those that doctor begins', async () => {
    const empty = await on.pg.database();
    const { code, of } = await examined(empty);
    expect(code).toBe(0);
    expect(of('database')).toMatchObject([
      { status: 'note', message: expect.stringMatching(/need \d+ more step/), fix: expect.stringMatching(/migrate/) },
    ]);
    expect(await on.pg.sql(empty, `SELECT FROM pg_namespace WHERE nspname = 'aga'`)).toEqual([]);
  });

  test('a role that must show a password, and a URL without one', async () => {
    const [[hba] = []] = await on.pg.sql(owner, `SELECT current_setting('hba_file')`);
    const before = readFileSync(String(hba), 'utf8');
    writeFileSync(String(hba), `local all ${role} scram-sha-256\nhost all ${role} all scram-sha-256\n${before}`);
    await on.pg.sql(owner, 'SELECT pg_reload_conf()');
    try {
      const bare = new URL(replica);
      bare.password = '';
      await expect
        .poll(async () => (await examined(bare.href)).of('database'), { timeout: 15_000 })
        .toMatchObject([{ status: 'broken', message: expect.stringMatching(/asks for a password/) }]);
      expect((await examined(replica)).code).toBe(0);
    } finally {
      writeFileSync(String(hba), before);
      await on.pg.sql(owner, 'SELECT pg_reload_conf()');
    }
  }, 30_000);

  test('tables of an older program are told, and left as they are', async () => {
    const old = await on.pg.database();
    await on.pg.sql(
      old,
      'CREATE SCHEMA aga',
      'CREATE TABLE aga.versions (version integer PRIMARY KEY, migrated timestamptz NOT NULL DEFAULT now())',
      MIGRATIONS[0]!.sql,
      'INSERT INTO aga.versions VALUES (1)',
    );
    const { code, of } = await examined(old);
    expect(code).toBe(0);
    const more = MIGRATIONS.length - 1;
    expect(of('database')).toMatchObject([
      {
        status: 'note',
        message: expect.stringContaining(`need ${more} more step`),
        fix: expect.stringMatching(/owner.*migrate/),
      },
    ]);
    expect(await on.pg.sql(old, 'SELECT max(version) FROM aga.versions')).toEqual([[1]]);
  });

  test('tables of a newer program', async () => {
    const later = await begun(directory());
    await on.pg.sql(later, 'INSERT INTO aga.versions VALUES (99)');
    const { code, of } = await examined(later);
    expect(code).toBe(1);
    expect(of('database')).toMatchObject([
      { status: 'broken', message: expect.stringMatching(/newer than this program/) },
    ]);
  });

  test.each([
    ['lifted', 'ALTER TABLE aga.entries DISABLE TRIGGER entries_only_grows'],
    ['put back only for sessions that do not replicate', 'ALTER TABLE aga.entries ENABLE TRIGGER ALL'],
    ['dropped', 'DROP TRIGGER entries_only_follow ON aga.entries'],
    ['dropped from the heads', 'DROP TRIGGER checkpoints_only_grows ON aga.checkpoints'],
  ])('triggers that were %s, and migrate puts them back', async (_, statement) => {
    const at = directory();
    const open = await begun(at);
    await on.pg.sql(open, statement);
    const { code, of } = await examined(open, at);
    expect(code).toBe(1);
    expect(of('database')).toMatchObject([
      { status: 'broken', message: expect.stringMatching(/triggers/), fix: expect.stringMatching(/owner.*migrate/) },
    ]);
    const env = { AGA_DATABASE_URL: open };
    const migrated = async (...more: string[]) =>
      JSON.parse((await run(['--data-dir', at, 'migrate', '--json', ...more], env)).out).schema;
    expect(await migrated('--dry-run')).toEqual([expect.stringMatching(/triggers/)]);
    expect((await examined(open, at)).code).toBe(1);
    expect(await migrated()).toEqual([expect.stringMatching(/triggers/)]);
    expect(await migrated()).toEqual([]);
    expect((await examined(open, at)).code).toBe(0);
    for (const table of ['entries', 'checkpoints'])
      await expect(
        on.pg.sql(open, `SET session_replication_role = replica`, `DELETE FROM aga.${table}`),
      ).rejects.toThrow(/only grows/);
    const gap = `INSERT INTO aga.entries SELECT chain, seq + 7, hash, kind, entry FROM aga.entries`;
    await expect(on.pg.sql(open, gap)).rejects.toThrow(/only grows/);
  });

  test('a role without any right, and one without a single right', async () => {
    const poor = `${role}_poor`;
    await on.pg.sql(owner, `CREATE ROLE ${poor} LOGIN PASSWORD '${SECRET}'`);
    try {
      const nothing = await examined(as(owner, poor));
      expect(nothing.code).toBe(1);
      expect(nothing.of('database')).toMatchObject([
        { status: 'broken', message: expect.stringMatching(/lacks a right/), fix: expect.stringMatching(/grant/) },
      ]);
      for (const grant of GRANTS.slice(2)) {
        await on.pg.sql(owner, ...GRANTS.map((each) => each.replace('%ROLE%', poor)));
        await on.pg.sql(owner, grant.replace('GRANT', 'REVOKE').replace(' TO %ROLE%', ` FROM ${poor}`));
        const { of } = await examined(as(owner, poor));
        expect(of('role')).toMatchObject([{ status: 'broken', fix: `As the owner: ${grant.replace('%ROLE%', '…')};` }]);
      }
      await on.pg.sql(owner, ...GRANTS.map((each) => each.replace('%ROLE%', poor)));
      const flush = 'EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text)';
      await on.pg.sql(owner, `REVOKE ${flush} FROM PUBLIC`);
      const { of } = await examined(as(owner, poor));
      await on.pg.sql(owner, `GRANT ${flush} TO PUBLIC`);
      expect(of('role')).toMatchObject([{ status: 'broken', fix: `As the owner: GRANT ${flush} TO …;` }]);
    } finally {
      await on.pg.sql(owner, `DROP OWNED BY ${poor}`, `DROP ROLE ${poor}`);
    }
  }, 60_000);

  test('keys that are not those of the chain, and no keys', async () => {
    const foreign = directory();
    await run(['--data-dir', foreign, 'create'], {});
    const wrong = await examined(replica, foreign);
    expect(wrong.code).toBe(1);
    expect(wrong.of('chain')).toMatchObject([
      { status: 'broken', message: expect.stringMatching(/keys here are not those of GENESIS/) },
    ]);
    const without = directory(home);
    rmSync(join(without, 'authority.key'));
    rmSync(join(without, 'replica.key'), { force: true });
    const none = await examined(replica, without);
    expect(none.code).toBe(1);
    expect(none.of('chain')).toMatchObject([{ status: 'broken', message: expect.stringMatching(/key is missing/) }]);
  });
});
