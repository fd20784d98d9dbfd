/** Old entries leave the database, with the built program: whatever interrupts it, whoever asks meanwhile. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assemble } from '../../src/assemble.ts';
import { bound, operator } from '../../src/caller.ts';
import { settings } from '../../src/config.ts';
import { directory } from '../scratch.ts';
import { missing, type Server, server } from '../store/postgres.server.ts';
import { type Host, host, pagesOf } from './host.ts';
import { OPERATOR, replica } from './postgres.replicas.ts';
import { clean, run, SERVER } from './program.ts';

describe('archiving', () => {
  let pg: Server | undefined;
  beforeAll(async () => {
    if (missing === undefined) pg = await server();
  });
  afterAll(() => pg?.stop());

  interface Life {
    readonly home: string;
    readonly root: string;
    readonly child: string;
  }

  /** A chain of some 1,300 entries, most of them decisions. */
  async function lived(home: string): Promise<Life> {
    const { service, close } = await assemble(settings({ 'data-dir': home }, {}, process.platform));
    const call = (name: string, input: object) => service.call(service.tools.get(name)!, input, operator());
    const root = String((await call('aga_create_artifact', { max_children: 5000 })).artifact_hash);
    const children: string[] = [];
    for (let i = 0; i < 40; i++) {
      const made = await call('aga_delegate_to_subagent', {
        parent_artifact_hash: root,
        permitted_tools: ['files/*'],
        request_id: `request ${i}`,
      });
      children.push(String(made.child_artifact_hash));
      const decide = (one: string, tool: string) =>
        service.decide(
          bound(one, 'process'),
          { acts: [{ capability: 'tool.call', resource: tool }], tool, argumentsDigest: '', requestId: i },
          'enforce',
        );
      await Promise.all(
        Array.from({ length: 32 }, (_, j) => decide(children[(i * j) % children.length]!, `files/${j}`)),
      );
    }
    await call('aga_revoke_artifact', { artifact_hash: children[5], reason: 'it is over' });
    await close();
    return { home, root, child: children[5]! };
  }

  const told = async (session: Host, { root, child }: Life) => {
    const evidence = await session.call('aga_export_evidence', { artifact_hash: child });
    return {
      pages: await pagesOf(session, 500),
      verified: await session.call('aga_verify', {}),
      lineage: await session.call('aga_verify', { target: 'artifact', artifact_hash: child }),
      subtree: await session.call('aga_query_chain', { artifact_hash: child, limit: 500 }),
      kinds: await session.call('aga_query_chain', { kind: 'REVOCATION' }),
      tree: (await session.call('aga_inspect', { artifact_hash: root, view: 'tree' })).tree.length,
      // All but when it was exported.
      evidence: { ...JSON.parse(readFileSync(evidence.path, 'utf8')), seal: null },
    };
  };

  const asked = async (life: Life, env: Record<string, string> = {}) => {
    const session = await host(life.home, { env });
    const answers = await told(session, life);
    await session.close();
    return answers;
  };

  /** Entries without text in the file. */
  const gone = (home: string): number => {
    const file = new DatabaseSync(join(home, 'chain.db'), { readOnly: true });
    const found = file.prepare("SELECT count(*) AS n FROM entries WHERE entry = ''").get();
    file.close();
    return Number(found?.n);
  };

  const BEFORE = ['archive', '--before', '1200'];

  test('killed at any instant, again and again: the chain is whole each time, and one more run ends it', async () => {
    const life = await lived(directory());
    const before = await asked(life);
    const copy = directory(life.home);
    const folder = directory();
    let [killed, wait] = [0, 60];
    for (let round = 0; round < 10; round++) {
      const child = spawn(process.execPath, [SERVER, '--data-dir', copy, ...BEFORE, '--to', folder], { env: clean() });
      const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
      await Promise.race([sleep(wait), exited]);
      child.kill('SIGKILL');
      if ((await exited) === null) killed += 1;
      wait += 40;
      if (round % 4 === 3) {
        const verdict = JSON.parse((await run(['--data-dir', copy, 'verify', '--json'], {})).out);
        expect(verdict).toMatchObject({ valid: true, entries_checked: before.verified.entries_checked });
      }
    }
    expect(killed).toBeGreaterThan(3);
    const last = await run(['--data-dir', copy, ...BEFORE, '--to', folder, '--json'], {});
    expect(last).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(last.out)).toMatchObject({ folder, archived: 1024, entries: before.verified.entries_checked });
    // Whatever was killed on its way is no file of the log.
    expect(readdirSync(join(folder, 'tile/entries')).filter((name) => /^\d{3}$/.test(name))).toHaveLength(4);
    expect(await asked({ ...life, home: copy })).toEqual(before);
  });

  test('dry run, run, again; a folder that is away; one that lies', async () => {
    const life = await lived(directory());
    const folder = directory();
    const at = (...args: string[]) => run(['--data-dir', life.home, ...args], {});
    const taken = await at(...BEFORE, '--to', life.home);
    expect(taken).toMatchObject({ code: 1, err: expect.stringMatching(/The data directory already uses that folder/) });
    const unnamed = await at(...BEFORE);
    expect(unnamed).toMatchObject({ code: 1, err: expect.stringMatching(/--to/) });
    const dry = JSON.parse((await at(...BEFORE, '--to', folder, '--dry-run', '--json')).out);
    expect(dry).toMatchObject({ dry_run: true, archived: 1024, folder });
    expect(gone(life.home)).toBe(0);
    expect(await at('archive', '--to', folder)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/Nothing to move/),
    });
    const done = JSON.parse((await at(...BEFORE, '--to', folder, '--json')).out);
    expect({ ...done, dry_run: true }).toEqual(dry);
    expect(gone(life.home)).toBe(done.removed);
    expect((await at(...BEFORE)).out).toMatch(/Nothing to move/);
    for (const bad of ['x', '-1', '1.5']) expect((await at('archive', '--before', bad)).code).toBe(2);

    const examined = async (env = {}) =>
      JSON.parse((await run(['--data-dir', life.home, 'doctor', '--json'], env)).out).checks.find(
        ({ name }: { name: string }) => name === 'archive',
      );
    expect(await examined()).toMatchObject({ status: 'ok', message: `1024 entries in ${folder}` });
    const away = join(directory(), 'away');
    renameSync(folder, away);
    expect(await examined()).toMatchObject({ status: 'broken', message: expect.stringContaining(folder) });
    expect(await examined({ AGA_ARCHIVE_DIR: away })).toMatchObject({ status: 'ok' });
    // With its snapshot a process starts, and what lives is known to it; old entries are refused.
    expect((await at('tree')).code).toBe(0);
    expect(await at('create')).toMatchObject({ code: 0 });
    // What is newest is in the database still, and is shown as long as it is enough; what is missing is said.
    const shown = await at('log');
    expect(shown).toMatchObject({ code: 0, err: '' });
    expect(shown.out.trimEnd().split('\n')).toHaveLength(50);
    const decisions = await at('log', '--kind', 'DECISION', '--limit', '500');
    expect(decisions).toMatchObject({ code: 0, err: expect.stringMatching(/^Older entries.*AGA_ARCHIVE_DIR/) });
    expect(decisions.out).toMatch(/^(.* DECISION .*\n){50,499}$/);
    expect(await at('log', '--after', '-1')).toMatchObject({ code: 1, err: expect.stringMatching(/AGA_ARCHIVE_DIR/) });
    const refused = await at('verify');
    expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/tile\/entries\/000 is not there/) });
    rmSync(join(life.home, 'snapshot'));
    expect(await at('tree')).toMatchObject({ code: 1, err: expect.stringMatching(/INTERNAL.*AGA_ARCHIVE_DIR/s) });
    expect((await run(['--data-dir', life.home, 'verify'], { AGA_ARCHIVE_DIR: away })).code).toBe(0);
    expect((await run(['--data-dir', life.home, 'verify'], { AGA_ARCHIVE_DIR: '' })).code).toBe(1);
  });

  test('a file of the archive that was changed, cut or lost is a finding; the rest of the chain is judged', async () => {
    const life = await lived(directory());
    const folder = directory();
    const at = (...args: string[]) => run(['--data-dir', life.home, ...args], {});
    expect((await at(...BEFORE, '--to', folder)).code).toBe(0);
    const whole = JSON.parse((await at('verify', '--json')).out);
    expect(whole.valid).toBe(true);
    const file = join(folder, 'tile/entries/002');
    const bytes = readFileSync(file);
    const verified = async () => {
      const { code, out, err } = await at('verify', '--json');
      expect({ code, err }).toEqual({ code: 1, err: '' });
      const report = JSON.parse(out);
      expect(report).toMatchObject({ valid: false, entries_checked: whole.entries_checked, head: whole.head });
      return report.findings;
    };
    const found = (message: RegExp) => [
      { sequence_number: expect.any(Number), rule: 'archive', message: expect.stringMatching(message) },
    ];
    // A letter in one entry, in the middle of the file.
    const changed = Buffer.from(bytes);
    changed[changed.indexOf('DECISION', 40_000)]! ^= 1;
    writeFileSync(file, changed);
    expect(await verified()).toEqual(
      found(/^Entry (\d+) in .*entries\/002 is not the one .* Entry \1 cannot be judged/),
    );
    for (const keep of [bytes.length - 1, 0]) {
      writeFileSync(file, bytes.subarray(0, keep));
      const [finding, ...more] = await verified();
      expect(more).toEqual([]);
      expect([finding]).toEqual(found(/entries\/002 is damaged\. \d+ of the entries 5\d\d to 767 cannot be judged/));
    }
    rmSync(file);
    expect(await verified()).toEqual(found(/entries\/002 is not there\. \d+ of the entries 5\d\d to 767 cannot be/));
    // Without its snapshot a process cannot begin, and says which file it is.
    writeFileSync(file, changed);
    rmSync(join(life.home, 'snapshot'));
    expect((await verified())[0]).toMatchObject({ rule: 'archive' });
    // A fault in the database beside it is found all the same.
    const database = new DatabaseSync(join(life.home, 'chain.db'));
    database.exec('DROP TRIGGER entries_stay');
    const n = Number(database.prepare("SELECT max(seq) AS n FROM entries WHERE kind = 'DECISION'").get()?.n);
    database.prepare("UPDATE entries SET entry = replace(entry, 'permit', 'Permit') WHERE seq = ?").run(n);
    database.close();
    const rules = (await verified()).map(({ sequence_number, rule }: any) => `${sequence_number} ${rule}`);
    expect(rules).toContain(`${n} entry_hash`);
    expect(rules[0]).toMatch(/ archive$/);
    writeFileSync(file, bytes);
  });

  test.skipIf(missing !== undefined)('replicas, proofs over HTTP and a move to another database', async () => {
    const life = await lived(directory());
    const [folder, second] = [directory(), directory()];
    const before = await asked(life);
    const url = await pg!.database();
    const env = { AGA_DATABASE_URL: url };
    expect((await run(['--data-dir', life.home, ...BEFORE, '--to', folder], {})).code).toBe(0);
    expect((await run(['--data-dir', life.home, 'migrate'], env)).code).toBe(0);
    const { evidence: _, ...answers } = await asked(life, env);
    const { evidence: __, ...wanted } = before;
    expect(answers).toEqual(wanted);

    const one = await replica(life.home, url);
    const other = await replica(directory(life.home), url);
    const file = async (path: string): Promise<Buffer> => {
      const response = await fetch(`${other.url}/${path}`, { headers: { authorization: `Bearer ${OPERATOR}` } });
      expect(response.status).toBe(200);
      return Buffer.from(await response.arrayBuffer());
    };
    const tiles = ['tile/entries/001', 'tile/0/002', 'tile/1/000.p/3'];
    const first = await Promise.all(tiles.map(file));
    const refused = await run(['--data-dir', life.home, ...BEFORE, '--to', second], env);
    expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/AGA_OWNER_URL/) });
    const moved = await run(['--data-dir', life.home, ...BEFORE, '--to', second, '--json'], {
      ...env,
      AGA_OWNER_URL: url,
    });
    expect(JSON.parse(moved.out)).toMatchObject({ archived: 1024 });
    expect(moved.out + moved.err).not.toContain(url);
    expect(await Promise.all(tiles.map(file))).toEqual(first);
    expect(readFileSync(join(second, 'tile/entries/001'))).toEqual(first[0]);
    expect((await other.tool('aga_query_chain', { after: 100, limit: 300 })).json.entries).toHaveLength(300);
    expect((await one.tool('aga_create_artifact')).status).toBe(200);
    for (const each of [one, other]) await each.stop();
    const { evidence: ___, ...after } = await asked(life, env);
    expect(after.subtree.entries).toEqual(wanted.subtree.entries);
    expect(after.verified.valid).toBe(true);
    writeFileSync(join(second, 'tile/entries/001'), first[0]!.subarray(1));
    const broken = await run(['--data-dir', life.home, 'log', '--after', '300', '--json'], env);
    expect(broken).toMatchObject({ code: 1, out: expect.stringMatching(/CHAIN_BROKEN.*tile\/entries\/001/s) });
  });
});
