/**
 * The same call of the same server, directly and through the gateway with its durable decision, in turns: what is added
 * to one call, and what is left of the throughput of many.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { type Figure, median, print, times } from './measure.ts';

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

const cases = (folder: string): readonly Case[] => [
  {
    name: 'everything/echo',
    args: [join(PACKAGES, 'server-everything/dist/index.js')],
    tool: 'echo',
    arguments: { message: 'hello' },
    map: '@modelcontextprotocol/server-everything',
  },
  {
    name: 'filesystem/read_text_file',
    args: [join(PACKAGES, 'server-filesystem/dist/index.js'), folder],
    tool: 'read_text_file',
    arguments: { path: join(folder, 'file') },
    map: '@modelcontextprotocol/server-filesystem',
  },
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
  const figures: Figure[] = [];
  for (const each of cases(folder)) {
    const config = join(folder, 'config.json');
    writeFileSync(
      config,
      JSON.stringify({ upstreams: { up: { command: NODE, args: each.args } }, maps: { up: each.map } }),
    );
    const direct = await connected(NODE, each.args);
    const through = await connected(NODE, [program], { AGA_DATA_DIR: join(folder, each.tool), AGA_CONFIG: config });
    await through.callTool({ name: 'aga_create_artifact', arguments: { subject: 'bench' } });
    const calls = {
      direct: () => direct.callTool({ name: each.tool, arguments: each.arguments }),
      through: () => through.callTool({ name: `up__${each.tool}`, arguments: each.arguments }),
    };
    const answer = await calls.through();
    if (answer.isError || JSON.stringify(answer) !== JSON.stringify(await calls.direct()))
      throw new Error(`not the same: ${JSON.stringify(answer)}`);
    figures.push(...(await compare(each.name, calls)));
    await direct.close();
    await through.close();
  }
  rmSync(folder, { recursive: true, force: true });
  return figures;
}

async function compare(
  name: string,
  { direct, through }: { direct: () => Promise<unknown>; through: () => Promise<unknown> },
): Promise<Figure[]> {
  const alone: { direct: number; through: number }[] = [];
  const many: { direct: number; through: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    alone.push({ direct: median(await times(CALLS, 50, direct)), through: median(await times(CALLS, 50, through)) });
    many.push({ direct: await throughput(direct), through: await throughput(through) });
  }
  const added = median(alone.map(({ direct, through }) => through - direct));
  const kept = median(many.map(({ direct, through }) => through / direct));
  const of = (samples: readonly { direct: number; through: number }[], way: 'direct' | 'through') =>
    median(samples.map((sample) => sample[way]));
  return [
    { name: `${name}, direct`, value: of(alone, 'direct'), unit: 'ms' },
    {
      name: `${name}, added by the gateway`,
      value: added,
      unit: 'ms',
      ratio: {
        to: 'direct',
        value: of(alone, 'through') / of(alone, 'direct'),
        target: 'at most 0.5 ms',
        met: added <= 0.5,
      },
    },
    { name: `${name}, ${IN_FLIGHT} in flight, direct`, value: of(many, 'direct'), unit: '/s' },
    {
      name: `${name}, ${IN_FLIGHT} in flight, through the gateway`,
      value: of(many, 'through'),
      unit: '/s',
      ratio: { to: 'direct', value: kept, target: 'at least 0.6', met: kept >= 0.6 },
    },
  ];
}

if (import.meta.main) print(await gateway(process.argv[2]));
