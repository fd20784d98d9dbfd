/** What does not answer is not measured, and never as if it had been: who waits for it is told so in time. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, fdatasync, mkdirSync, openSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { MeasureConfig, UpstreamConfig } from '../../../src/edge/gateway/config.ts';
import { type Ask, askFor } from '../../../src/edge/gateway/following.ts';
import { Gateway } from '../../../src/edge/gateway/gateway.ts';
import { executableDigest } from '../../../src/edge/gateway/measure/executable.ts';
import { fileSystemDigest } from '../../../src/edge/gateway/measure/files.ts';
import { fileDigest } from '../../../src/edge/gateway/measure/tree.ts';
import { type Finding, Measuring } from '../../../src/edge/gateway/measuring.ts';
import { directory } from '../../scratch.ts';
import { law, scopeOf } from './law.ts';
import { hostile } from './upstreams.ts';

const late = { code: 'UPSTREAM_FAILED' };
const dead: string[] = [];
afterEach(() => {
  for (const path of dead.splice(0)) closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
});

/** Opening a FIFO for reading holds a thread of libuv until somebody writes, as a dead folder does. */
function pipe(): string {
  const made = join(directory(), 'pipe');
  execFileSync('mkfifo', ['-m', '755', made]);
  dead.push(made);
  return made;
}

describe('what does not answer', () => {
  it('is refused in time, and takes no thread from those who commit', async () => {
    const held = Array.from({ length: 8 }, () => fileDigest(pipe(), askFor(20_000)));
    const log = openSync(join(directory(), 'log'), 'w');
    const began = performance.now();
    const outcomes = Promise.allSettled(held);
    for (let i = 0; i < 20; i++) await promisify(fdatasync)(log);
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: late });
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('is refused where it is a program', async () => {
    await expect(executableDigest({ command: pipe(), timeout: 1 }, askFor(20_000))).rejects.toMatchObject(late);
  });

  it('is nothing that is missing', async () => {
    const at = directory();
    mkdirSync(join(at, 'bin/deep'), { recursive: true });
    writeFileSync(join(at, 'bin/deep/main'), '#!/bin/sh', { mode: 0o755 });
    const asked: string[] = [];
    const without =
      (part: string): Ask =>
      (path, question) => {
        asked.push(basename(path));
        return basename(path) === part ? askFor(0)(path, question) : question();
      };
    const program = { command: './bin/deep/main', cwd: at, timeout: 1 };
    for (const part of ['bin', 'deep', 'main'])
      await expect(fileSystemDigest([join(at, 'bin')], without(part))).rejects.toMatchObject(late);
    await expect(executableDigest(program, without('main'))).rejects.toMatchObject(late);
    await expect(executableDigest({ ...program, args: ['bin'] }, without('bin'))).rejects.toMatchObject(late);
    // As a name that is looked for.
    const named = { command: 'main', env: { PATH: join(at, 'bin/deep') }, timeout: 1 };
    await expect(executableDigest(named, without('main'))).rejects.toMatchObject(late);
  });

  it('may answer each time and yet be too slow', { retry: 2 }, async () => {
    const at = directory();
    for (let i = 0; i < 100; i++) writeFileSync(join(at, `${i}`), '');
    const began = performance.now();
    await expect(fileSystemDigest([at], askFor(1))).rejects.toMatchObject(late);
    expect(performance.now() - began).toBeLessThan(500);
  });
});

it('a large file is measured to its end', async () => {
  const path = join(directory(), 'large');
  const bytes = Buffer.alloc(2 ** 20 * 2 + 3, 'abc');
  const digests = [];
  for (const length of [0, 1, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 2 ** 21, bytes.length]) {
    writeFileSync(path, bytes.subarray(0, length));
    const [expected] = execFileSync('sha256sum', [path], { encoding: 'utf8' }).split(' ');
    digests.push([length, (await fileDigest(path, askFor(20_000))) === expected]);
  }
  expect(digests.filter(([, same]) => !same)).toEqual([]);
});

/** Measures for the artifact `a`, which asks for one type, an upstream that never answers; `kept` is what was found. */
function measuringOf(
  type: string,
  config: MeasureConfig = {},
  upstream: UpstreamConfig = hostile({ HOSTILE: 'mute' }),
) {
  const gateway = new Gateway({
    upstreams: { up: upstream },
    maps: {},
    client: { name: 'test', version: '1' },
    log: () => {},
  });
  const ends = law();
  ends.grant('a', {});
  const kept: Finding[] = [];
  const keep = async (_: string, finding: Finding) => kept.push(finding) > 0;
  const measuring = new Measuring({ gateway, config: { up: config }, keep, lookout: ends });
  const scopes = [scopeOf({ measurement_types: [type] })];
  return { ends, kept, measure: () => measuring.before('a', scopes, 'up'), close: () => gateway.close() };
}

describe('between two calls', () => {
  it('a changed file is noticed, and the same content is not recorded twice', async () => {
    const at = directory();
    writeFileSync(join(at, 'file'), 'one');
    const { kept, measure } = measuringOf('FILE_SYSTEM_STATE', { paths: [at] });
    const seen: number[] = [];
    for (const content of ['one', 'two', 'two', 'one']) {
      writeFileSync(join(at, 'file'), content);
      await Promise.all([measure(), measure(), measure()]);
      await measure();
      seen.push(kept.length);
    }
    expect(seen).toEqual([1, 2, 2, 3]);
    expect(kept[2]?.digest).toBe(kept[0]?.digest);
  });

  it('a changed program is noticed', async () => {
    const script = join(directory(), 'server.js');
    writeFileSync(script, 'one');
    const upstream = { command: process.execPath, args: [script], timeout: 1 };
    const { kept, measure } = measuringOf('EXECUTABLE_IMAGE', {}, upstream);
    await measure();
    writeFileSync(script, 'two');
    await measure();
    await measure();
    expect(kept.map(({ digest }) => digest === kept[0]?.digest)).toEqual([true, false]);
  });

  it('a file that has grown beyond all measure is said to have', async () => {
    const at = directory();
    writeFileSync(join(at, 'file'), 'one');
    const { kept, measure } = measuringOf('FILE_SYSTEM_STATE', { paths: [at] });
    await measure();
    truncateSync(join(at, 'file'), 2 ** 30 + 1);
    await measure();
    await measure();
    expect(kept.map(({ digest, lost }) => [digest === null, lost])).toEqual([
      [false, undefined],
      [true, 'too large to be measured'],
    ]);
  });

  it('a program that has vanished is said to have', async () => {
    const program = join(directory(), 'program');
    writeFileSync(program, 'one');
    const { kept, measure } = measuringOf('EXECUTABLE_IMAGE', {}, { command: program, timeout: 1 });
    await measure();
    renameSync(program, `${program} elsewhere`);
    await measure();
    expect(kept.map(({ digest, lost }) => [digest === null, lost])).toEqual([
      [false, undefined],
      [true, 'not found'],
    ]);
  });

  it('more files than a glance takes in are not looked at each time', async () => {
    const at = directory();
    for (let i = 0; i < 150; i++) writeFileSync(join(at, `${i}`), '');
    const { kept, measure } = measuringOf('FILE_SYSTEM_STATE', { paths: [at] });
    await measure();
    writeFileSync(join(at, '0'), 'two');
    await measure();
    expect(kept).toHaveLength(1);
    expect(kept[0]?.digest).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('what cannot be read', () => {
  it('is refused, not a fault of ours', async () => {
    const { measure } = measuringOf('FILE_SYSTEM_STATE', { paths: ['/proc/self/mem'] });
    await expect(measure()).rejects.toMatchObject({ code: 'UPSTREAM_FAILED', message: expect.stringContaining('EIO') });
  });

  it('is refused where an upstream does not list its tools', async () => {
    const { measure, close } = measuringOf('CONFIG_MANIFEST', {}, hostile({ HOSTILE: 'listless' }));
    await expect(measure()).rejects.toMatchObject({
      code: 'UPSTREAM_FAILED',
      message: expect.stringContaining('tools'),
    });
    await close();
  });
});

it('a measurement ends with the artifact that it is made for', { retry: 2 }, async () => {
  const { ends, kept, measure, close } = measuringOf('CONFIG_MANIFEST');
  const both = Promise.allSettled([measure(), measure()]);
  setTimeout(() => ends.revoke('a'), 100);
  const began = performance.now();
  const ended = { status: 'rejected', reason: { code: 'ARTIFACT_REVOKED' } };
  expect(await both).toMatchObject([ended, ended]);
  expect(performance.now() - began).toBeLessThan(1_000);
  expect(kept).toEqual([]);
  await close();
});
