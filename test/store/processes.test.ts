/** Several real processes on one database: what a host that starts copies, kills them and fills the disk does to it. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.ts';
import { directory } from '../scratch.ts';
import { batchAfter, isWhole } from './rows.ts';

const scratch = directory();
chmodSync(scratch, 0o755);

const SCRIPT = join(import.meta.dirname, 'store.process.ts');
const ALL = { after: -1, limit: 100_000 };

interface Started {
  readonly child: ChildProcess;
  /** Every line that it has reported, without the first. */
  readonly ended: Promise<{ code: number | null; hashes: string[]; errors: string }>;
  readonly opened: Promise<void>;
}

function start(...args: string[]): Started {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let errors = '';
  let isOpen = () => {};
  const opened = new Promise<void>((resolve) => {
    isOpen = resolve;
  });
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
    isOpen();
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  const ended = new Promise<{ code: number | null; hashes: string[]; errors: string }>((resolve) => {
    child.on('close', (code) => {
      isOpen();
      // A line that a kill has cut was not answered.
      resolve({ code, hashes: out.split('\n').slice(1, -1), errors });
    });
  });
  return { child, ended, opened };
}

test('eight processes make one database and one chain', async () => {
  const path = join(scratch, 'eight', 'chain.db');
  const processes = Array.from({ length: 8 }, (_, i) => start('append', path, `${i}`, '40'));
  const ends = await Promise.all(processes.map(({ ended }) => ended));
  expect(
    ends.map(({ code, errors }) => ({ code, errors: errors.replace(/.*(Warning|--trace-warnings).*\n/g, '') })),
  ).toEqual(ends.map(() => ({ code: 0, errors: '' })));
  const store = openSqlite(path);
  const { rows, head } = await store.read(ALL);
  await store.close();
  expect(rows).toHaveLength(8 * 40);
  expect(isWhole(rows, head)).toBe(true);
  expect(ends.flatMap(({ hashes }) => hashes).sort()).toEqual(rows.map(({ entry_hash }) => entry_hash).sort());
  expect(readdirSync(dirname(path))).toEqual(['chain.db']);
}, 30_000);

test.each(['WAL', 'DELETE'] as const)(
  'killed at any instant, nothing answered is lost: %s',
  async (journal) => {
    const path = join(scratch, `killed-${journal}`, 'chain.db');
    await openSqlite(path, { journal }).close();
    const answered: string[] = [];
    for (let round = 0; round < 3; round++) {
      const processes = Array.from({ length: 3 }, (_, i) => start('append', path, `${round}.${i}`, '100000'));
      await Promise.all(processes.map(({ opened }) => opened));
      for (const { child } of processes) {
        await sleep(10 + Math.random() * 60);
        child.kill('SIGKILL');
      }
      for (const { ended } of processes) answered.push(...(await ended).hashes);
      const store = openSqlite(path);
      await store.commit(0, (_, head) => batchAfter(head, [{ note: `after round ${round}` }]));
      const { rows, head } = await store.read(ALL);
      await store.close();
      expect(isWhole(rows, head)).toBe(true);
      const kept = new Set(rows.map(({ entry_hash }) => entry_hash));
      expect(answered.filter((hash) => !kept.has(hash))).toEqual([]);
    }
    expect(answered.length).toBeGreaterThan(9);
  },
  30_000,
);

test('killed while making the database: the next process begins anew', async () => {
  for (let round = 0; round < 4; round++) {
    const path = join(scratch, `young-${round}`, 'chain.db');
    const { child, ended } = start('append', path, 'x', '1000000');
    const until = performance.now() + 5000;
    while (!existsSync(dirname(path)) && performance.now() < until) await sleep(1);
    await sleep(round * 2);
    child.kill('SIGKILL');
    const { hashes } = await ended;
    const store = openSqlite(path);
    await store.commit(0, (_, head) => batchAfter(head, [{}]));
    const { rows, head } = await store.read(ALL);
    await store.close();
    expect(isWhole(rows, head)).toBe(true);
    expect(rows.length).toBeGreaterThan(hashes.length);
  }
}, 30_000);

/** Who runs the tests as root can write everywhere: then a nobody is asked. */
const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

test.skipIf(process.platform === 'win32')('a folder that may not be written to', async () => {
  const path = join(scratch, 'read-only', 'chain.db');
  const open = () =>
    execFileSync(process.execPath, [SCRIPT, 'open', path], { ...asNobody, encoding: 'utf8', stdio: 'pipe' });
  const own = (target: string, mode: number) => {
    if (asNobody.uid !== undefined) chownSync(target, asNobody.uid, asNobody.gid);
    chmodSync(target, mode);
  };
  mkdirSync(dirname(path));
  own(dirname(path), 0o500);
  const young = JSON.parse(open());
  expect(young).toMatchObject({ code: 'INTERNAL', message: expect.stringContaining('EACCES') });
  expect(readdirSync(dirname(path))).toEqual([]);
  chmodSync(dirname(path), 0o700);
  await openSqlite(path).close();
  own(path, 0o400);
  chmodSync(dirname(path), 0o500);
  const old = JSON.parse(open());
  expect(old.code).toBe('INTERNAL');
  expect(old.hint).toMatch(/writable/);
  for (const body of [young, old]) expect(JSON.stringify(body)).not.toContain(scratch);
  chmodSync(dirname(path), 0o700);
  own(path, 0o600);
  expect(open()).toBe('written\n');
});

/** What a process says of a file system of its own, which nobody else sees; it is skipped where there can be none. */
function onItsOwnDisk(
  task: string,
  size: string,
  skip: (note: string) => void,
): { status: number | null; lines: string[] } {
  const mountPoint = join(scratch, task);
  mkdirSync(mountPoint);
  const script = `mount -t tmpfs -o size=${size} tmpfs "$1" && exec "$2" "$3" ${task} "$1/chain.db"`;
  const args = ['-rm', 'sh', '-c', script, 'sh', mountPoint, process.execPath, SCRIPT];
  const { stdout, status } = spawnSync('unshare', args, { encoding: 'utf8' });
  if (status !== 0 && (stdout ?? '') === '') skip(`no private mount on this system: a ${task} disk was not tried`);
  return { status, lines: stdout.trim().split('\n') };
}

test('a full disk: the refusal says so, and what was there stays whole', ({ skip }) => {
  const [refusal = '{}', verdict] = onItsOwnDisk('fill', '400k', skip).lines;
  expect(JSON.parse(refusal)).toMatchObject({ code: 'INTERNAL', message: expect.stringContaining('full') });
  expect(verdict).toBe('nothing lost');
});

test('a disk without room for a database: none is begun, and with room one is made', ({ skip }) => {
  const { status, lines } = onItsOwnDisk('cramped', '400k', skip);
  expect(status).toBe(0);
  expect(lines.at(-1)).toBe('opened');
  expect(new Set(lines)).toEqual(new Set(['opened', 'The disk is full, nothing was written. (SQLite 13)']));
});
