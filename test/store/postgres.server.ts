/** A PostgreSQL server of a test's own, in a folder that goes with it; or databases on the one that the environment names. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';

/** Why there is none on this machine; undefined where there is one. */
export const missing: string | undefined =
  process.env.AGA_TEST_DATABASE_URL !== undefined || binaries() !== undefined
    ? undefined
    : 'no PostgreSQL server here: install one (postgresql), or set AGA_TEST_DATABASE_URL';

if (missing !== undefined && process.env.AGA_TEST_POSTGRES === 'required') throw new Error(missing);

export interface Server {
  /** Of a new, empty database. */
  database(): Promise<string>;
  /** Statements of somebody else, as the owner of everything. */
  sql(url: string, ...statements: string[]): Promise<any[][]>; // rows of whatever was asked
  stop(): Promise<void>;
}

/** A server whose process belongs to the test. */
export interface OwnServer extends Server {
  readonly folder: string;
  /** Ends it as `pg_ctl stop` does: `immediate` is a crash. */
  halt(mode: 'fast' | 'immediate'): Promise<void>;
  start(): Promise<void>;
}

/** The server of the environment where there is one, else one of the test's own. */
export async function server(): Promise<Server> {
  const url = process.env.AGA_TEST_DATABASE_URL;
  return url === undefined ? ownServer() : { database: () => create(url), sql, stop: async () => {} };
}

/** For tests that stop it, or put its files back to what they were. */
export async function ownServer(settings: readonly string[] = ['fsync=off']): Promise<OwnServer> {
  const bin = binaries();
  if (bin === undefined) throw new Error(missing);
  const home = mkdtempSync(join(tmpdir(), 'aga-pg-'));
  const folder = join(home, 'data');
  give(home);
  mkdirSync(folder, { mode: 0o700 });
  give(folder);
  const port = await freePort();
  const initdb = ['-D', folder, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
  execFileSync(join(bin, 'initdb'), initdb, { ...nobody, stdio: 'pipe', cwd: home });
  const admin = `postgres://postgres@127.0.0.1:${port}/postgres`;
  let child: ChildProcess | undefined;
  let said = '';
  const start = async (): Promise<void> => {
    const options = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${home}`, ...settings];
    const args = ['-D', folder, ...options.flatMap((option) => ['-c', option])];
    const started = spawn(join(bin, 'postgres'), args, { ...nobody, stdio: ['ignore', 'ignore', 'pipe'], cwd: home });
    started.stderr.on('data', (text) => {
      said = (said + text).slice(-4000);
    });
    child = started;
    for (const until = performance.now() + 20_000; ; ) {
      if (started.exitCode !== null || performance.now() > until) throw new Error(`PostgreSQL did not start: ${said}`);
      if ((await sql(admin, 'SELECT 1').catch(() => undefined)) !== undefined) return;
      await sleep(30);
    }
  };
  const halt = async (mode: 'fast' | 'immediate'): Promise<void> => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
  };
  await start();
  return {
    folder,
    database: () => create(admin),
    sql,
    start,
    halt,
    async stop() {
      await halt('immediate');
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** The files of a halted server, to put back later: what a standby looks like that has not received the last of them. */
export function copyOf({ folder }: OwnServer): { restore(): void } {
  const kept = `${folder}.kept`;
  cpSync(folder, kept, { recursive: true, preserveTimestamps: true });
  return {
    restore() {
      rmSync(folder, { recursive: true });
      cpSync(kept, folder, { recursive: true, preserveTimestamps: true });
      give(folder);
      chmodSync(folder, 0o700);
    },
  };
}

let databases = 0;
async function create(admin: string): Promise<string> {
  databases += 1;
  const name = `aga_test_${process.pid}_${Date.now().toString(36)}_${databases}`;
  await sql(admin, `CREATE DATABASE ${name}`);
  const url = new URL(admin);
  url.pathname = `/${name}`;
  return url.href;
}

async function sql(url: string, ...statements: string[]): Promise<any[][]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    let rows: any[][] = [];
    for (const text of statements) rows = (await client.query({ text, rowMode: 'array' })).rows;
    return rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** PostgreSQL refuses to run as root: whoever runs the tests as root lends it the user that owns nothing. */
const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

export function give(path: string): void {
  if (nobody.uid === undefined) return;
  chownSync(path, nobody.uid, nobody.gid);
  for (const entry of readdirSync(path, { recursive: true, encoding: 'utf8' }))
    chownSync(join(path, entry), nobody.uid, nobody.gid);
}

function binaries(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

/** Below those that systems give to outgoing connections: one of these could take it while the server is halted. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 30_000);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}
