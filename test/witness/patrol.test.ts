/** Checkpoints find their way to the witnesses by themselves, and nothing waits for that. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { verifierKey } from '../../src/chain/checkpoint.ts';
import type { World } from '../../src/witness/ask.ts';
import { Book } from '../../src/witness/book.ts';
import { witnessesOf } from '../../src/witness/desk.ts';
import { type Patrol, patrol } from '../../src/witness/patrol.ts';
import { post } from '../../src/witness/post.ts';
import { KEYS, type Kernel, kernel, ORIGIN } from '../kernel.ts';
import { directory } from '../scratch.ts';
import { type StrictWitness, strictWitness } from './strict-witness.ts';

const LOG = verifierKey(ORIGIN, KEYS.log.publicKey);
let home: string;
let k: Kernel;
let w: StrictWitness[];
let world: World;
let clock: { now: number };
let lines: string[];
const running: Patrol[] = [];

beforeEach(async () => {
  home = directory();
  clock = { now: Date.now() };
  k = kernel({ clock });
  w = await Promise.all(['one', 'two', 'three'].map((name) => strictWitness(`witness.example/${name}`)));
  for (const each of w) each.trust(LOG);
  world = { chain: k.service.reader, book: new Book(home, () => LOG), post, clock: () => clock.now };
  await world.book.change(() => w);
  lines = [];
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.close()));
  await Promise.all(w.map((each) => each.close()));
});

/** One that only looks when it is told to. */
const start = (period = 1_000_000): Patrol => {
  const made = patrol(world, { period, report: (line) => lines.push(line) });
  running.push(made);
  return made;
};
const grow = () => k.call('aga_create_artifact', {});
const sizes = async () => (await witnessesOf(world).list()).map(({ cosigned }) => cosigned);

it('shows one checkpoint to all, and rests when nothing is new', async () => {
  const rounds = start();
  await rounds.look();
  expect(w.flatMap(({ asked }) => asked)).toEqual([]);
  await grow();
  await grow();
  await rounds.look();
  await rounds.look();
  expect(w.map(({ asked }) => asked.length)).toEqual([1, 1, 1]);
  expect(await world.book.cosigned()).toMatchObject([{ size: 3, by: [{}, {}, {}] }]);
  expect(lines).toEqual([]);
});

it('does so by itself, and ends at once', async () => {
  const rounds = start(20);
  await grow();
  await vi.waitFor(async () => expect(await sizes()).toEqual([2, 2, 2]));
  await grow();
  await vi.waitFor(async () => expect(await sizes()).toEqual([3, 3, 3]));
  w[0]!.answer = () => new Promise(() => undefined);
  await grow();
  await vi.waitFor(() => expect(w[0]!.asked).toHaveLength(3));
  const from = performance.now();
  await rounds.close();
  expect(performance.now() - from).toBeLessThan(5_000);
  expect(lines).toEqual([]);
});

it('is not held up for the others by one that hangs, and does not ask that one twice at once', async () => {
  w[0]!.answer = () => new Promise(() => undefined);
  const rounds = start();
  await grow();
  const hanging = rounds.look();
  await vi.waitFor(async () => expect(await sizes()).toEqual([null, 2, 2]));
  await grow();
  await rounds.look();
  expect(await sizes()).toEqual([null, 3, 3]);
  expect(w[0]!.asked).toHaveLength(1);
  await rounds.close();
  await hanging;
});

it('says once what is wrong, asks more and more seldom, and says when it is over', async () => {
  w[1]!.answer = () => ({ status: 500, body: '' });
  const rounds = start(1000);
  await grow();
  await rounds.look();
  await rounds.look();
  expect(w[1]!.asked).toHaveLength(1);
  for (let second = 0; second < 3600; second++) {
    clock.now += 1000;
    if (second % 5 === 0) await rounds.look();
  }
  expect(w[1]!.asked.length).toBeLessThan(20);
  expect(w[1]!.asked.length).toBeGreaterThan(8);
  expect(lines).toEqual([expect.stringContaining('answers 500')]);
  w[1]!.answer = undefined;
  // The clock of these witnesses is the real one.
  clock.now += 600_000;
  w[1]!.ahead = Math.floor((clock.now - Date.now()) / 1000);
  await rounds.look();
  expect(await sizes()).toEqual([2, 2, 2]);
  expect(lines.slice(1)).toEqual([expect.stringContaining('cosigns again')]);
});

it('never fails what it runs beside: a chain that cannot be read is said once', async () => {
  await grow();
  world = {
    ...world,
    chain: { ...k.service.reader, read: () => Promise.reject(new Error('the database is away')) },
  };
  const rounds = start();
  await rounds.look();
  await rounds.look();
  expect(lines).toEqual(['Witnesses were not asked: the database is away']);
});

it('does not ask again and again where the answer cannot be kept', async () => {
  const rounds = start(1000);
  await grow();
  world.book.keep = () => Promise.reject(new Error('the disk is full'));
  for (let second = 0; second < 60; second++) {
    clock.now += 1000;
    await rounds.look();
  }
  expect(w[0]!.asked.length).toBeLessThan(12);
  expect(lines[0]).toBe('Witnesses were not asked: the disk is full');
});

it('of several processes on one directory ask once each at most, and lose nothing', async () => {
  const all = Array.from({ length: 4 }, () => {
    const made = patrol(
      { ...world, book: new Book(home, () => LOG) },
      { period: 1_000_000, report: (line) => lines.push(line) },
    );
    running.push(made);
    return made;
  });
  for (let round = 0; round < 5; round++) {
    await grow();
    await Promise.all(all.map((each) => each.look()));
    await all[0]!.look();
    expect(await sizes()).toEqual(Array(3).fill(round + 2));
  }
  await Promise.all(all.map((each) => each.look()));
  expect((await world.book.cosigned())[0]).toMatchObject({ size: 6, by: [{}, {}, {}] });
  expect(lines).toEqual([]);
});

it('asks once in every process, also for what is remembered: a restored backup remembers less', async () => {
  await grow();
  await start().look();
  // What another copy of this installation has shown it since.
  for (const each of w) each.latest.set(ORIGIN, { size: 7, root: Buffer.alloc(32).toString('base64') });
  const rounds = start();
  await rounds.look();
  expect(lines).toHaveLength(3);
  expect(lines[0]).toContain('has cosigned 7 entries of this log, and the chain here has');
});

it('takes up witnesses that are added while it runs, and leaves those that are removed', async () => {
  await world.book.change(() => []);
  const rounds = start();
  await grow();
  await rounds.look();
  expect(w[0]!.asked).toEqual([]);
  await witnessesOf(world).add(w[0]!.url, w[0]!.key, false);
  await rounds.look();
  expect(await sizes()).toEqual([2]);
  await witnessesOf(world).remove(w[0]!.url);
  await grow();
  await rounds.look();
  expect(w[0]!.asked).toHaveLength(1);
  expect(await world.book.cosigned()).toEqual([]);
});
