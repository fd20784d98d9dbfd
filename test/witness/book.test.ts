/** What is remembered of witnesses, by many at once and after anything. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sha256Hex } from '#digest';
import { signer } from '#ed25519';
import { signCheckpoint, verifierKey } from '../../src/chain/checkpoint.ts';
import { cosignedAt, parseWitnessKey } from '../../src/chain/cosignature.ts';
import { bestFor, judged, withLine } from '../../src/evidence/cosigned.ts';
import { addressIn } from '../../src/witness/address.ts';
import { Book } from '../../src/witness/book.ts';
import { KEYS, ORIGIN, seed } from '../kernel.ts';
import { directory } from '../scratch.ts';
import { cosign, witnessKey } from './cosign.ts';

const LOG = verifierKey(ORIGIN, KEYS.log.publicKey);
const keys = Array.from({ length: 4 }, (_, n) => signer(seed(`witness ${n}`)));
const names = keys.map((_, n) => `w${n}.example`);
const pins = keys.map((key, n) => ({ url: `https://w${n}.example`, key: witnessKey(names[n]!, key.publicKey) }));
const note = (size: number, root = `root ${size}`): string => signCheckpoint(ORIGIN, size, seed(root), KEYS.log);
const line = (of: string, n: number, seconds = 1000): string =>
  cosign(of.slice(0, of.indexOf('\n\n') + 1), names[n]!, seconds, keys[n]!);

function place(): string {
  const home = directory();
  return home;
}
const book = (home = place()): Book => new Book(home, () => LOG);

it('keeps one file of witnesses and one of cosignatures, for nobody else to read', async () => {
  const home = place();
  const b = book(home);
  expect(await b.witnesses()).toEqual([]);
  expect(await b.cosigned()).toEqual([]);
  await b.change(() => pins);
  await b.keep(note(3), line(note(3), 0));
  expect(readdirSync(home).sort()).toEqual(['cosignatures.json', 'witnesses.json']);
  for (const name of readdirSync(home)) expect(statSync(join(home, name)).mode & 0o777).toBe(0o600);
  expect(await book(home).cosigned()).toMatchObject([{ size: 3, by: [{ name: 'w0.example', seconds: 1000 }] }]);
});

it('gathers the cosignatures of one checkpoint in one note, the newest of each witness', async () => {
  const b = book();
  await b.change(() => pins);
  const at = note(3);
  await Promise.all([0, 1, 2].map((n) => b.keep(at, line(at, n))));
  await b.keep(at, line(at, 1, 2000));
  const [only, ...others] = await b.cosigned();
  expect(others).toEqual([]);
  expect(only!.by.map(({ seconds }) => seconds)).toEqual([1000, 2000, 1000]);
  for (const n of [0, 1, 2]) expect(cosignedAt(only!.note, parseWitnessKey(pins[n]!.key)!)).toBeDefined();
});

it('believes nothing of the file but what is signed by this log and by who is pinned now', async () => {
  const home = place();
  const b = book(home);
  await b.change(() => pins.slice(0, 2));
  const [at, later] = [note(3), note(4)];
  const foreign = signCheckpoint(ORIGIN, 9, seed('x'), keys[3]!);
  const notes = [
    at + line(at, 0) + line(at, 3),
    later + line(at, 0) + line(later, 1),
    foreign + line(foreign, 0),
    'nonsense',
    '',
    note(5),
  ];
  writeFileSync(join(home, 'cosignatures.json'), JSON.stringify({ checkpoints: notes }));
  const found = await b.cosigned();
  expect(found.map(({ size, by }) => [size, by.map(({ name }) => name)])).toEqual([
    [4, ['w1.example']],
    [3, ['w0.example']],
  ]);
  expect(found.every(({ note: shown }) => !shown.includes('w3.example'))).toBe(true);
  expect(found[0]!.note).toBe(later + line(later, 1));
  await b.change((before) => before.slice(1));
  expect((await b.cosigned()).map(({ size }) => size)).toEqual([4]);
});

it.each(['', '{', '[]', '{"checkpoints":"x"}', '{"checkpoints":[1]}', '\u0000'.repeat(100)])(
  'goes on from a file of cosignatures that holds %j',
  async (text) => {
    const home = place();
    const b = book(home);
    await b.change(() => pins);
    writeFileSync(join(home, 'cosignatures.json'), text);
    expect(await b.cosigned()).toEqual([]);
    await b.keep(note(3), line(note(3), 0));
    expect(await b.cosigned()).toHaveLength(1);
  },
);

it.each([
  '',
  '{',
  '{"witnesses":[{"url":"https://w.example"}]}',
  '{"witnesses":[{"url":"https://w.example","key":"w+00000000+AAAA"}]}',
  '{"witnesses":[],"more":1}',
  // Whoever lists the witnesses, or reads what the server logs, would read the password too.
  JSON.stringify({ witnesses: [{ ...pins[0], url: 'https://user:password@w.example' }] }),
  JSON.stringify({ witnesses: [{ ...pins[0], url: 'https://w.example/?token=secret' }] }),
  JSON.stringify({ witnesses: [{ ...pins[0], url: 'file:///etc/passwd' }] }),
])('does not guess who the witnesses are: %j', async (text) => {
  const home = place();
  writeFileSync(join(home, 'witnesses.json'), text);
  await expect(book(home).witnesses()).rejects.toThrow(/witnesses\.json cannot be understood/);
  await expect(book(home).change(() => pins)).rejects.toThrow(/cannot be understood/);
  expect(readFileSync(join(home, 'witnesses.json'), 'utf8')).toBe(text);
});

it('loses no witness that many processes add at once', async () => {
  const home = place();
  await Promise.all(pins.map((pin) => book(home).change((before) => [...before, pin])));
  const found = await book(home).witnesses();
  expect(found.map(({ url }) => url).sort()).toEqual(pins.map(({ url }) => url).sort());
});

it('waits for who is writing, and not for a process that was killed while it wrote', async () => {
  const home = place();
  const b = book(home);
  const lock = join(home, 'witnesses.json.lock');
  writeFileSync(lock, '');
  setTimeout(() => rmSync(lock), 100);
  const from = performance.now();
  await b.change(() => pins);
  expect(performance.now() - from).toBeGreaterThan(80);
  writeFileSync(lock, '');
  utimesSync(lock, 0, 0);
  await b.change((before) => before.slice(1));
  expect(await b.witnesses()).toHaveLength(3);
  expect(readdirSync(home)).toEqual(['witnesses.json']);
});

it('does not wait for ever for what is no lock', async () => {
  const home = place();
  const lock = join(home, 'witnesses.json.lock');
  mkdirSync(lock);
  utimesSync(lock, 0, 0);
  await expect(book(home).change(() => pins)).rejects.toThrow(/cannot be written/);
});

it('says so when nothing can be written', async () => {
  const b = book(join(place(), 'no', 'such', 'folder'));
  await expect(b.change(() => pins)).rejects.toThrow(/cannot be written/);
  await expect(b.keep(note(3), line(note(3), 0))).rejects.toThrow(/cannot be written/);
});

it('is bounded: the newest sizes, and of every witness its newest', () => {
  let notes: string[] = [];
  notes = withLine(notes, note(1), line(note(1), 3));
  for (let size = 2; size < 60; size++) notes = withLine(notes, note(size), line(note(size), size % 3));
  const sizes = judged(
    notes,
    LOG,
    pins.map(({ key }) => parseWitnessKey(key)!),
  ).map(({ size }) => size);
  expect(sizes).toEqual([...Array.from({ length: 16 }, (_, n) => 59 - n), 1]);
});

it('ends evidence at what most have cosigned, of these at the newest; never at another history', async () => {
  // A chain of no entries at all has none of these roots.
  const cosigned = async () =>
    judged(
      [note(3) + line(note(3), 0) + line(note(3), 1)],
      LOG,
      pins.map(({ key }) => parseWitnessKey(key)!),
    );
  const nodes = async () => Array.from({ length: 3 }, (_, n) => sha256Hex(`leaf ${n}`));
  expect(await bestFor({ nodes, cosigned }, { size: 3 }, () => true)).toBeUndefined();
});

it.each([
  ['https://w.example/', 'https://w.example'],
  ['https://w.example/a/b//', 'https://w.example/a/b'],
  ['HTTPS://W.example:443/a', 'https://w.example/a'],
  ['http://127.0.0.1:99/a', 'http://127.0.0.1:99/a'],
  ['http://localhost', 'http://localhost'],
  ['http://[::1]:1', 'http://[::1]:1'],
])('a witness may be at %s', (text, url) => {
  expect(addressIn(text, false)).toEqual({ url });
});

it.each([
  'w.example',
  '',
  'ftp://w.example',
  'file:///etc/passwd',
  'http://w.example',
  'http://127.0.0.1.evil.example',
  'https://user:secret@w.example',
  'https://w.example/?x=1',
  'https://w.example/?',
  'https://w.example/#x',
])('a witness may not be at %j', (text) => {
  expect(addressIn(text, false)).toHaveProperty('wrong');
});
