/**
 * `npm run bench`: what a durable delegation costs, against a server that does nothing and against the machine itself.
 *
 * Contenders take turns, and each figure is a median over all rounds: on a shared machine a ratio within a round survives
 * what an absolute figure does not.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundleProgram } from '../scripts/build.ts';
import type { Filled } from './fill.ts';
import { lineageTimes, signTimes, syncTimes, verifyTimes } from './floor.ts';
import { type Figure, median, percentile, print } from './measure.ts';
import { Peer } from './peer.ts';
import { scopeFigures } from './scope.ts';

const ROUNDS = 7;
const STARTS = 11;
const ENTRIES = 100_000;

const SERVER = join(import.meta.dirname, '../dist/aga-delegate.cjs');
const home = mkdtempSync(join(tmpdir(), 'aga-bench-'));
const data = (name: string): string => join(home, name);
const serving = (name: string): string[] => [SERVER, '--data-dir', data(name)];
const NOOP = join(home, 'noop.cjs');

const say = (what: string): void => void process.stderr.write(`${what}\n`);

/** Samples of several contenders, taken in turns. */
class Series {
  readonly #samples = new Map<string, number[]>();
  /** The median of each round, in order. */
  readonly #rounds = new Map<string, number[]>();

  add(name: string, samples: readonly number[]): void {
    this.#samples.set(name, [...(this.#samples.get(name) ?? []), ...samples]);
    this.#rounds.set(name, [...(this.#rounds.get(name) ?? []), median(samples)]);
  }

  p(name: string, share: number): number {
    return percentile(this.#samples.get(name) ?? [], share);
  }

  p50(name: string): number {
    return this.p(name, 0.5);
  }

  /** Median over the rounds of what `of` makes of the medians in one round. */
  ratio(of: (at: (name: string) => number) => number): number {
    const count = Math.min(...[...this.#rounds.values()].map(({ length }) => length));
    const each = Array.from({ length: count }, (_, round) =>
      of((name) => this.#rounds.get(name)?.[round] ?? Number.NaN),
    );
    return median(each);
  }
}

const figures: Figure[] = [];

function figure(
  name: string,
  value: number,
  unit: string,
  held?: { to: string; ratio: number; most?: number; least?: number },
): void {
  if (!held) return void figures.push({ name, value, unit });
  const { to, ratio, most, least } = held;
  const target = most === undefined ? (least === undefined ? undefined : `>= ${least}`) : `<= ${most}`;
  const met = ratio <= (most ?? ratio) && ratio >= (least ?? ratio);
  figures.push({ name, value, unit, ratio: { to, value: ratio, ...(target && { target, met }) } });
}

/** A figure that is held against a limit of its own. */
function limited(name: string, value: number, unit: string, most: number): void {
  figure(name, value, unit, { to: `${most} ${unit}`, ratio: value / most, most: 1 });
}

const DELEGATION = { permitted_tools: ['files/read'], ttl_seconds: 1800 };

async function calls(): Promise<void> {
  const { peer: noop } = await Peer.start([NOOP]);
  const { peer: ours } = await Peer.start(serving('calls'));
  const { artifact_hash } = await ours.call<{ artifact_hash: string }>('aga_create_artifact', {
    permitted_tools: ['files/**', 'search/*'],
    max_children: 100_000,
  });
  const check = { artifact_hash, capability: 'tool.call', resource: 'files/read' };
  const series = new Series();
  for (let round = -2; round < ROUNDS; round++) {
    const seen = new Map<string, number[]>();
    seen.set('noop', await noop.times('noop', DELEGATION, 300));
    // Beside the no-op, before the disk is waited for: how fast a process wakes depends on what the machine just did.
    seen.set('check', await ours.times('aga_check_permission', check, 300));
    seen.set('delegate', await ours.times('aga_delegate_to_subagent', DELEGATION, 300));
    seen.set('sync', syncTimes(home, 200));
    seen.set('sign', signTimes(200));
    seen.set('verify', verifyTimes(200));
    const { whole, raw } = lineageTimes(150);
    seen.set('lineage', whole);
    seen.set('lineage raw', raw);
    seen.set('check 64', [await ours.rate('aga_check_permission', check, 64, 5000)]);
    for (const lanes of [16, 64]) {
      seen.set(`noop ${lanes}`, [await noop.rate('noop', DELEGATION, lanes, 2500)]);
      seen.set(`delegate ${lanes}`, [await ours.rate('aga_delegate_to_subagent', DELEGATION, lanes, 1500)]);
    }
    if (round >= 0) for (const [name, samples] of seen) series.add(name, samples);
  }
  await Promise.all([noop.close(), ours.close()]);

  figure('append 1.5 kB + fdatasync', series.p50('sync') * 1000, 'µs');
  figure('Ed25519 sign, 1 kB', series.p50('sign') * 1000, 'µs');
  figure('Ed25519 verify, 1 kB', series.p50('verify') * 1000, 'µs');
  figure('lineage of 3, cold', series.p50('lineage') * 1000, 'µs', {
    to: '3 raw verifications',
    ratio: series.ratio((at) => at('lineage') / at('lineage raw')),
    most: 1.2,
  });
  figure('no-op p50', series.p50('noop') * 1000, 'µs');
  figure('no-op p95', series.p('noop', 0.95) * 1000, 'µs');
  figure('delegate p50', series.p50('delegate') * 1000, 'µs', {
    to: '(no-op + fdatasync + sign)',
    ratio: series.ratio((at) => at('delegate') / (at('noop') + at('sync') + at('sign'))),
    most: 2,
  });
  figure('delegate p95', series.p('delegate', 0.95) * 1000, 'µs');
  figure('check p50', series.p50('check') * 1000, 'µs', {
    to: 'no-op',
    ratio: series.ratio((at) => at('check') / at('noop')),
    most: 1.3,
  });
  figure('check, 64 in flight', series.p50('check 64'), '/s', {
    to: 'no-op',
    ratio: series.ratio((at) => at('check 64') / at('noop 64')),
  });
  for (const [lanes, least] of [[16], [64, 0.45]] as const) {
    figure(`no-op, ${lanes} in flight`, series.p50(`noop ${lanes}`), '/s');
    figure(`delegate, ${lanes} in flight`, series.p50(`delegate ${lanes}`), '/s', {
      to: 'no-op',
      ratio: series.ratio((at) => at(`delegate ${lanes}`) / at(`noop ${lanes}`)),
      ...(least && { least }),
    });
    // What no server escapes that signs each artifact and makes it durable before it answers.
    figure(`… each, ${lanes} in flight`, 1e6 / series.p50(`delegate ${lanes}`), 'µs', {
      to: `(no-op + sign + fdatasync / ${lanes})`,
      ratio: series.ratio(
        (at) => 1000 / at(`delegate ${lanes}`) / (1000 / at(`noop ${lanes}`) + at('sign') + at('sync') / lanes),
      ),
    });
  }
}

async function fill(): Promise<Filled> {
  const script = join(import.meta.dirname, 'fill.ts');
  const args = ['--expose-gc', script, data('large'), '50000', String(ENTRIES)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Filled; // our own program
}

async function starts({ root }: Filled): Promise<void> {
  const series = new Series();
  const check = { artifact_hash: root, capability: 'tool.call', resource: 'files/read' };
  for (let round = -1; round < STARTS; round++) {
    const seen = new Map<string, number>();
    const started = performance.now();
    spawnSync(process.execPath, ['-e', '0']);
    seen.set('node', performance.now() - started);
    for (const [name, args] of [
      ['noop', [NOOP]],
      ['ours', serving('calls')],
      ['large', serving('large')],
    ] as const) {
      const begun = performance.now();
      const { peer, ms } = await Peer.start(args);
      seen.set(name, ms);
      if (name === 'large') {
        await peer.call('aga_check_permission', check);
        seen.set('first answer', performance.now() - begun);
      }
      await peer.close();
    }
    if (round >= 0) for (const [name, ms] of seen) series.add(name, [ms]);
  }
  const against = (name: string, most?: number) => ({
    to: 'node -e 0',
    ratio: series.ratio((at) => at(name) / at('node')),
    ...(most && { most }),
  });
  figure('node -e 0', series.p50('node'), 'ms');
  figure('cold start, no-op', series.p50('noop'), 'ms', against('noop'));
  figure('cold start', series.p50('ours'), 'ms', against('ours', 4));
  figure('cold start, 100,000 entries', series.p50('large'), 'ms', against('large', 6));
  figure('… and the first answer', series.p50('first answer'), 'ms', against('first answer'));
}

async function verification(): Promise<void> {
  const { peer } = await Peer.start(serving('large'));
  const started = performance.now();
  const { valid, entries_checked } = await peer.call<{ valid: boolean; entries_checked: number }>('aga_verify', {});
  if (!valid) throw new Error('the chain of the bench is not valid');
  limited('verify, each entry', ((performance.now() - started) / entries_checked) * 1000, 'µs', 80);
  await peer.close();
}

try {
  await bundleProgram(join(import.meta.dirname, 'noop.main.ts'), NOOP);
  say('calls …');
  await calls();
  say('100,000 entries …');
  const filled = await fill();
  figure('delegate in process, 256 in flight', filled.rate, '/s');
  figure('resident, 50,000 delegations', filled.resident, 'MB');
  limited('heap, each live artifact', filled.each, 'B', 1024);
  say('cold starts …');
  await starts(filled);
  say('verification …');
  await verification();
  figures.push(...(await scopeFigures()));
  print(figures);
} finally {
  rmSync(home, { recursive: true, force: true });
}
