/**
 * The same call of the same server, directly and through the gateway with its durable decision, in turns: what is added
 * to one call, and what is left of the throughput of many. Between the two stands a proxy on the same SDKs that does
 * nothing: what a second hop costs on this machine before anything is judged. And what sessions cost that are idle.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { bundleProgram } from '../scripts/build.ts';
import { type Figure, median, print, times } from './measure.ts';
import { sessions } from './sessions.ts';

const ROOT = join(import.meta.dirname, '..');
const PACKAGES = join(ROOT, 'node_modules/@modelcontextprotocol');
const NODE = process.execPath;
const ROUNDS = 9;
const CALLS = 300;
const IN_FLIGHT = 16;

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  readonly tool: string;
  readonly arguments: { readonly [name: string]: string };
  readonly map: string;
}

const reading = (name: string, folder: string, file: string): Case => ({
  name,
  args: [join(PACKAGES, 'server-filesystem/dist/index.js'), folder],
  tool: 'read_text_file',
  arguments: { path: join(folder, file) },
  map: '@modelcontextprotocol/server-filesystem',
});

const cases = (folder: string): readonly Case[] => [
  {
    name: 'everything/echo',
    args: [join(PACKAGES, 'server-everything/dist/index.js')],
    tool: 'echo',
    arguments: { message: 'hello' },
    map: '@modelcontextprotocol/server-everything',
  },
  reading('filesystem/read_text_file', folder, 'file'),
  reading('filesystem/read_text_file of 64 kB', folder, 'large'),
];

async function connected(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Client> {
  const client = new Client({ name: 'bench', version: '1' });
  await client.connect(
    new StdioClientTransport({
      command,
      args: [...args],
      env: { ...(process.env as Record<string, string>), ...env },
      stderr: 'ignore',
    }),
  );
  return client;
}

/** Calls a second, with so many at once. */
async function throughput(call: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let left = CALLS * 5;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (left-- > 0) await call();
    }),
  );
  return (CALLS * 5) / ((performance.now() - start) / 1000);
}

/** `program` is the built one. */
export async function gateway(program = join(ROOT, 'dist/aga-delegate.cjs')): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'aga-bench-'));
  writeFileSync(join(folder, 'file'), 'x'.repeat(1_000));
  writeFileSync(join(folder, 'large'), 'x'.repeat(64_000));
  const figures: Figure[] = [];
  const proxy = join(folder, 'passthrough.cjs');
  await bundleProgram(join(ROOT, 'bench/passthrough.main.ts'), proxy);
  for (const each of cases(folder)) {
    const config = join(folder, 'config.json');
    writeFileSync(
      config,
      JSON.stringify({ upstreams: { up: { command: NODE, args: each.args } }, maps: { up: each.map } }),
    );
    const direct = await connected(NODE, each.args);
    const passed = await connected(NODE, [proxy, NODE, ...each.args]);
    const through = await connected(NODE, [program], {
      AGA_DATA_DIR: join(folder, each.name.replaceAll('/', '-')),
      AGA_CONFIG: config,
    });
    await through.callTool({ name: 'aga_create_artifact', arguments: { subject: 'bench' } });
    const calls = {
      direct: () => direct.callTool({ name: each.tool, arguments: each.arguments }),
      passed: () => passed.callTool({ name: each.tool, arguments: each.arguments }),
      through: () => through.callTool({ name: `up__${each.tool}`, arguments: each.arguments }),
    };
    const answer = await calls.through();
    if (answer.isError || JSON.stringify(answer) !== JSON.stringify(await calls.direct()))
      throw new Error(`not the same: ${JSON.stringify(answer)}`);
    figures.push(...(await compare(each.name, calls)));
    for (const client of [direct, passed, through]) await client.close();
  }
  rmSync(folder, { recursive: true, force: true });
  return [...figures, ...(await sessions(program))];
}

type Way = 'direct' | 'passed' | 'through';
type Sample = Readonly<Record<Way, number>>;

async function compare(name: string, calls: Readonly<Record<Way, () => Promise<unknown>>>): Promise<Figure[]> {
  const alone: Sample[] = [];
  const many: Sample[] = [];
  const one = async (way: Way) => median(await times(CALLS, 50, calls[way]));
  for (let round = 0; round < ROUNDS; round++) {
    alone.push({ direct: await one('direct'), passed: await one('passed'), through: await one('through') });
    many.push({
      direct: await throughput(calls.direct),
      passed: await throughput(calls.passed),
      through: await throughput(calls.through),
    });
  }
  const of = (samples: readonly Sample[], what: (sample: Sample) => number) => median(samples.map(what));
  const added = of(alone, ({ direct, through }) => through - direct);
  const kept = of(many, ({ direct, through }) => through / direct);
  const inFlight = `${name}, ${IN_FLIGHT} in flight`;
  return [
    { name: `${name}, direct`, value: of(alone, ({ direct }) => direct), unit: 'ms' },
    {
      name: `${name}, added by a proxy that does nothing`,
      value: of(alone, ({ direct, passed }) => passed - direct),
      unit: 'ms',
      ratio: { to: 'direct', value: of(alone, ({ direct, passed }) => passed / direct) },
    },
    {
      name: `${name}, added by the gateway`,
      value: added,
      unit: 'ms',
      ratio: {
        to: 'direct',
        value: of(alone, ({ direct, through }) => through / direct),
        target: 'at most 0.5 ms',
        met: added <= 0.5,
      },
    },
    { name: `${inFlight}, direct`, value: of(many, ({ direct }) => direct), unit: '/s' },
    {
      name: `${inFlight}, through a proxy that does nothing`,
      value: of(many, ({ passed }) => passed),
      unit: '/s',
      ratio: { to: 'direct', value: of(many, ({ direct, passed }) => passed / direct) },
    },
    {
      name: `${inFlight}, through the gateway`,
      value: of(many, ({ through }) => through),
      unit: '/s',
      ratio: { to: 'direct', value: kept, target: 'at least 0.6', met: kept >= 0.6 },
    },
  ];
}

if (import.meta.main) print(await gateway(process.argv[2]));
