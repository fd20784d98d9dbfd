/** The log's key is changed by hand, with everything that can happen to the command and to those who run beside it. */
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { directory } from '../scratch.ts';
import { onPostgres } from '../store/postgres.suite.ts';
import { refused, start } from './host.ts';
import { type Replica, replica } from './postgres.replicas.ts';
import { clean, run, SERVER } from './program.ts';

const keyIn = (path: string, name = 'log'): Buffer => readFileSync(join(path, `${name}.key`));

interface Installation {
  readonly path: string;
  /** Runs a command with --json; fails where it does. */
  ask(...args: string[]): Promise<any>; // a test reads members of many answers
  changes(): Promise<number>;
}

function installation(path = directory(), env: object = {}): Installation {
  const ask = async (...args: string[]): Promise<any> => {
    const { code, out, err } = await run(['--data-dir', path, ...args, '--json'], env);
    if (code !== 0) throw new Error(`exit ${code}: ${out}${err}`);
    return JSON.parse(out);
  };
  const changes = async (): Promise<number> => (await ask('log', '--kind', 'LOG_KEY')).entries.length;
  return { path, ask, changes };
}

describe('keys --rotate', () => {
  it('changes the key, keeps the public half of the former one, and destroys its secret', async () => {
    const { path, ask } = installation();
    await ask('create', '--subject', 'boss');
    const before = await ask('keys');
    const secret = keyIn(path);
    const made = await ask('keys', '--rotate', '--reason', 'yearly');
    expect(made).toMatchObject({ success: true, previous_log: before.log, authority: before.authority, settled: true });
    expect(await ask('keys')).toEqual({ authority: before.authority, log: made.log });
    const files = readdirSync(path);
    expect(files).not.toContain('log-next.key');
    const former = files.find((name) => name.endsWith('.pub'))!;
    expect(readFileSync(join(path, former), 'utf8')).toBe(`${before.log}\n`);
    for (const name of files) {
      expect([name, statSync(join(path, name)).mode & 0o777]).toEqual([name, 0o600]);
      expect([name, readFileSync(join(path, name)).includes(secret.subarray(28, 90))]).toEqual([name, false]);
    }
    expect(await ask('verify')).toMatchObject({ valid: true, entries_checked: 3 });
    const { entries } = await ask('log', '--kind', 'LOG_KEY');
    expect(entries[0].event).toMatchObject({ log_key: made.log, previous_log_key: before.log, reason: 'yearly' });
  });

  it('shows the next key first where it is asked to, and then takes that one', async () => {
    const { ask } = installation();
    const { next, log } = await ask('keys', '--next');
    expect(await ask('keys', '--next')).toMatchObject({ next, log });
    expect(await ask('keys')).toMatchObject({ log });
    expect(await ask('keys', '--rotate')).toMatchObject({ log: next, previous_log: log });
  });

  it('goes on where it was killed: behind the making of the key, behind the entry, behind the rename', async () => {
    const { path, ask, changes } = installation();
    const { next } = await ask('keys', '--next');
    const kept = ['log', 'log-next'].map((name) => [join(path, `${name}.key`), directory()] as const);
    for (const [file, place] of kept) copyFileSync(file, join(place, 'copy'));
    expect(await ask('keys', '--rotate')).toMatchObject({ log: next });
    // As if it had ended behind the entry: everybody finds the new key, and the same command finishes.
    for (const [file, place] of kept) copyFileSync(join(place, 'copy'), file);
    expect(await ask('keys')).toMatchObject({ log: next });
    await ask('create', '--subject', 'meanwhile');
    expect(await ask('doctor')).toMatchObject({ checks: expect.anything() });
    const finished = await ask('keys', '--rotate');
    expect(finished).toMatchObject({ log: next, settled: true, chain: { sequence_number: 1 } });
    expect([existsSync(join(path, 'log-next.key')), await changes()]).toEqual([false, 1]);
    expect(await ask('verify')).toMatchObject({ valid: true });
  });

  it('is killed at any moment, again and again, and always ends in one key that everybody has', async () => {
    const { path, ask, changes } = installation();
    const session = await start(path);
    await session.call('aga_create_artifact', {});
    for (let round = 0; round < 5; round++) {
      const child = spawn(process.execPath, [SERVER, '--data-dir', path, 'keys', '--rotate'], { env: clean() });
      const gone = new Promise((resolve) => child.once('exit', resolve));
      await sleep(80 + 60 * round);
      child.kill('SIGKILL');
      await gone;
      await session.call('aga_create_artifact', {});
      expect(await session.call('aga_verify')).toMatchObject({ valid: true });
    }
    const { log } = await ask('keys', '--rotate');
    const { head } = await session.call('aga_query_chain', { limit: 1 });
    expect(head.verifier_key).toBe(log);
    expect(await ask('keys')).toMatchObject({ log });
    expect(await changes()).toBeGreaterThan(0);
    expect(existsSync(join(path, 'log-next.key'))).toBe(false);
    expect(await ask('verify')).toMatchObject({ valid: true });
  });

  it('run several times at once, each in its turn, changes the key so often', async () => {
    const { ask, changes } = installation();
    await ask('create', '--subject', 'boss');
    const both = await Promise.allSettled([ask('keys', '--rotate'), ask('keys', '--rotate'), ask('keys', '--rotate')]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(await changes()).toBe(3);
    await ask('create', '--subject', 'more');
    expect(await ask('verify')).toMatchObject({ valid: true });
  });

  it('is noticed by sessions that run: their next call, and their evidence, are under the new key', async () => {
    const { path, ask } = installation();
    const sessions = [await start(path), await start(path)];
    const { artifact_hash } = await sessions[0]!.call('aga_create_artifact', {});
    const { log, previous_log, authority } = await ask('keys', '--rotate');
    for (const session of sessions) {
      const bundle = await session.call('aga_export_evidence', { artifact_hash });
      const judged = (key: string) =>
        run(['verify', bundle.path, '--trust', authority, '--log-key', key, '--json'], {});
      for (const key of [log, previous_log]) expect(await judged(key)).toMatchObject({ code: 0 });
      expect(JSON.parse(readFileSync(bundle.path, 'utf8')).keys.log).toBe(log);
      await session.call('aga_delegate_to_subagent', { parent_artifact_hash: artifact_hash });
    }
    expect(await sessions[0]!.call('aga_verify')).toMatchObject({ valid: true, findings: [] });
  });

  it('is for the operator, where the keys are', async () => {
    const { path } = installation();
    const no = async (env: object, ...args: string[]) => run(['--data-dir', path, 'keys', ...args, '--json'], env);
    expect(await no({ AGA_ARTIFACT: 'a'.repeat(64) }, '--rotate')).toMatchObject({ code: 1, err: /NOT_OPERATOR/ });
    expect(await no({ AGA_URL: 'http://127.0.0.1:1' }, '--rotate')).toMatchObject({ code: 1 });
    expect(await no({}, '--rotate', '--next')).toMatchObject({ code: 2 });
    expect(existsSync(join(path, 'log-next.key'))).toBe(false);
  });

  it('leaves a restored folder with the former key reading, and writing nothing', async () => {
    const { path, ask } = installation();
    const { artifact_hash } = await ask('create', '--subject', 'boss');
    const old = join(directory(), 'copy');
    copyFileSync(join(path, 'log.key'), old);
    await ask('keys', '--rotate');
    copyFileSync(old, join(path, 'log.key'));
    const session = await start(path);
    expect(await session.call('aga_inspect', { artifact_hash })).toMatchObject({ artifact_hash });
    const no = await refused(session.call('aga_create_artifact', {}));
    expect(no).toMatchObject({ code: 'CHAIN_CONTENDED', hint: expect.stringMatching(/new log key/) });
    expect(await session.call('aga_verify')).toMatchObject({ valid: true, entries_checked: 3 });
    const examined = await run(['--data-dir', path, 'doctor'], {});
    expect(examined).toMatchObject({ code: 1, out: expect.stringMatching(/keys .*another key, which is not here/) });
  });
});

onPostgres('on PostgreSQL', (on) => {
  /** Writes all the time until it is told to stop; answers the statuses that came back. */
  function load(replicas: readonly Replica[]): { stop(): Promise<number[]> } {
    let going = true;
    const statuses: number[] = [];
    const clients = replicas.flatMap((each) =>
      [0, 1].map(async () => {
        while (going) statuses.push((await each.tool('aga_create_artifact', { ttl_seconds: 60 })).status);
      }),
    );
    return {
      async stop() {
        going = false;
        await Promise.all(clients);
        return statuses;
      },
    };
  }
  const verified = async (by: Replica): Promise<void> => {
    expect((await by.tool('aga_verify', {})).json).toMatchObject({ valid: true, findings: [] });
  };

  it('two replicas with files go over under load, and no call fails', async () => {
    const url = await on.pg.database();
    const first = await replica(directory(), url);
    const second = await replica(directory(first.home), url);
    const [a, b] = [first, second].map(({ home }) => installation(home, { AGA_DATABASE_URL: url })) as [
      Installation,
      Installation,
    ];
    const { next } = await a.ask('keys', '--next');
    copyFileSync(join(a.path, 'log-next.key'), join(b.path, 'log-next.key'));
    const busy = load([first, second]);
    await sleep(300);
    expect(await a.ask('keys', '--rotate')).toMatchObject({ log: next, settled: true });
    await sleep(300);
    const statuses = await busy.stop();
    expect([...new Set(statuses)]).toEqual([200]);
    expect(statuses.length).toBeGreaterThan(20);
    expect(await b.ask('keys', '--rotate')).toMatchObject({ log: next, settled: true });
    expect(keyIn(b.path).equals(keyIn(a.path))).toBe(true);
    await expect(b.ask('keys', '--rotate')).rejects.toThrow(/keys --next/);
    expect(await a.changes()).toBe(1);
    await first.stop();
    const again = await replica(first.home, url);
    await again.tool('aga_create_artifact', {});
    await verified(again);
    await verified(second);
  });

  it('a replica without the next key answers questions, writes nothing, and does not start again', async () => {
    const url = await on.pg.database();
    const first = await replica(directory(), url);
    const second = await replica(directory(first.home), url);
    const { ask } = installation(first.home, { AGA_DATABASE_URL: url });
    const { json: root } = await first.tool('aga_create_artifact', {});
    await second.tool('aga_create_artifact', {});
    const early = await run(['--data-dir', first.home, 'keys', '--rotate'], { AGA_DATABASE_URL: url });
    expect(early).toMatchObject({ code: 1, err: expect.stringMatching(/keys --next/) });
    await ask('keys', '--next');
    await ask('keys', '--rotate');
    expect((await first.tool('aga_create_artifact', {})).status).toBe(200);
    const no = await second.tool('aga_create_artifact', {});
    expect(no).toMatchObject({ status: 503, json: { error: { code: 'CHAIN_CONTENDED', retryable: true } } });
    expect((await second.tool('aga_inspect', { artifact_hash: root.artifact_hash })).status).toBe(200);
    const ended = await run(['--data-dir', second.home, 'keys'], { AGA_DATABASE_URL: url });
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toMatch(/log key here was replaced.*GENESIS/);
    // Brought while it runs, it is found without a restart.
    copyFileSync(join(first.home, 'log.key'), join(second.home, 'log-next.key'));
    expect((await second.tool('aga_create_artifact', {})).status).toBe(200);
    await verified(second);
  });

  it('a chain that has changed its keys moves from a file, and goes on', async () => {
    const url = await on.pg.database();
    const { path, ask } = installation();
    await ask('create', '--subject', 'boss');
    await ask('keys', '--rotate');
    const { log } = await ask('keys', '--rotate');
    expect(await run(['--data-dir', path, 'migrate'], { AGA_DATABASE_URL: url })).toMatchObject({ code: 0 });
    const moved = await replica(path, url);
    expect((await moved.tool('aga_create_artifact', {})).status).toBe(200);
    expect((await moved.tool('aga_query_chain', { limit: 1 })).json.head.verifier_key).toBe(log);
    await verified(moved);
  });

  it('keys of the environment and of a command follow each other too', async () => {
    const url = await on.pg.database();
    const first = await replica(directory(), url);
    await first.tool('aga_create_artifact', {});
    await first.stop();
    const maker = installation();
    await maker.ask('create', '--subject', 'x');
    const [authority, present, next] = [
      keyIn(first.home, 'authority'),
      keyIn(first.home),
      keyIn(maker.path), // another log's key: any will do
    ].map(String);
    const env = { AGA_DATABASE_URL: url, AGA_AUTHORITY_KEY: authority, AGA_LOG_KEY: present };
    const bare = await run(['--data-dir', directory(), 'keys', '--rotate'], env);
    expect(bare).toMatchObject({ code: 1 });
    expect(bare.err).toMatch(/AGA_NEXT_LOG_KEY/);
    const both = { ...env, AGA_NEXT_LOG_KEY: next };
    const byEnv = await replica(directory(), url, both);
    const store = directory(first.home);
    const command = `f() { cat "${store}/$1.key" 2>/dev/null; }; f`;
    const byCommand = await replica(directory(), url, { AGA_KEY_COMMAND: command });
    await byCommand.tool('aga_create_artifact', {});
    const turned = installation(directory(), both);
    expect(await turned.ask('keys', '--rotate')).toMatchObject({ success: true, settled: false });
    expect((await byEnv.tool('aga_create_artifact', {})).status).toBe(200);
    expect((await byCommand.tool('aga_create_artifact', {})).status).toBe(503);
    copyFileSync(join(maker.path, 'log.key'), join(store, 'log-next.key'));
    await expect
      .poll(async () => (await byCommand.tool('aga_create_artifact', {})).status, { timeout: 5000 })
      .toBe(200);
    const settled = await replica(directory(), url, { ...env, AGA_LOG_KEY: next });
    expect((await settled.tool('aga_create_artifact', {})).status).toBe(200);
    expect(await turned.changes()).toBe(1);
    await verified(settled);
    rmSync(join(store, 'log-next.key'));
  });
});
