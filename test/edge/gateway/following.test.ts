/** File systems that do not answer: who asks them is told so in time, and nobody else waits with them. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, fdatasync, openSync } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { impatient } from '../../../src/edge/gateway/following.ts';
import { directory } from '../../scratch.ts';

const folder = directory();
const late = { code: 'UPSTREAM_FAILED' };

/** Opening a FIFO for reading holds a thread of libuv until somebody writes, as a dead folder does. */
function pipes(count: number): readonly string[] {
  const made = Array.from({ length: count }, (_, i) => join(folder, `pipe-${Math.random()}-${i}`));
  execFileSync('mkfifo', [...made]);
  return made;
}
async function hold(path: string): Promise<string> {
  await (await open(path, 'r')).close();
  return path;
}
const answer = (path: string) => closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));

describe('following a path', () => {
  it('leaves threads to those who commit, however many folders are dead', async () => {
    const dead = pipes(12);
    const { ask } = impatient(1);
    const follow = (path: string) => ask(path, () => (dead.includes(path) ? hold(path) : realpath(path)));
    const held = dead.map((path) => follow(path));
    const log = openSync(join(folder, 'log'), 'w');
    const began = performance.now();
    // With every thread held, this would not come back.
    for (let i = 0; i < 20; i++) await promisify(fdatasync)(log);
    for (const outcome of await Promise.allSettled(held)) expect(outcome).toMatchObject({ reason: late });
    expect(performance.now() - began).toBeLessThan(5_000);
    for (const path of dead) answer(path);
  });

  it('has another thread where one is held, and no third', async () => {
    const dead = pipes(2);
    const { ask } = impatient(1);
    const follow = (path: string) => ask(path, () => (dead.includes(path) ? hold(path) : realpath(path)));
    await expect(follow(dead[0]!)).rejects.toMatchObject(late);
    expect(await follow(folder)).toBe(await realpath(folder));
    await expect(follow(dead[1]!)).rejects.toMatchObject(late);
    await expect(follow(folder)).rejects.toMatchObject(late);
    for (const path of dead) answer(path);
    await setImmediate();
    expect(await follow(folder)).toBe(await realpath(folder));
  });

  it('asks again only when what is overdue has answered', async () => {
    const asked: string[] = [];
    const answers: (() => void)[] = [];
    const slow = (path: string) =>
      new Promise<string>((resolve) => {
        asked.push(path);
        answers.push(() => resolve(path));
      });
    const { ask, isHeld } = impatient(2);
    const follow = (path: string) => ask(path, () => slow(path));
    await expect(follow('/slow')).rejects.toMatchObject(late);
    const began = performance.now();
    for (const path of ['/slow', '/slow/below']) await expect(follow(path)).rejects.toMatchObject(late);
    expect(performance.now() - began).toBeLessThan(1_900);
    expect(asked).toEqual(['/slow']);
    expect(isHeld()).toBe(true);
    // Another path has the other thread.
    const other = follow('/other');
    answers[1]!();
    expect(await other).toBe('/other');
    answers[0]!();
    await setImmediate();
    expect(isHeld()).toBe(false);
    const again = follow('/slow');
    expect(asked).toEqual(['/slow', '/other', '/slow']);
    answers[2]!();
    expect(await again).toBe('/slow');
  });

  it('is not late because we were', async () => {
    const { ask } = impatient(1);
    const found = ask(folder, () => realpath(folder));
    for (const end = performance.now() + 1_300; performance.now() < end; );
    expect(await found).toBe(await realpath(folder));
  });
});
