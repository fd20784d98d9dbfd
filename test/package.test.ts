/** The package as a stranger installs it: nothing beside it in `node_modules`, and a compiler that looks at every type. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { notices } from '../scripts/notices.ts';
import { DelegateError } from '../src/client/index.ts';
import { directory } from './scratch.ts';

const ROOT = join(import.meta.dirname, '..');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

const PROGRAM = `
import { connect, DelegateError, Lease, work, type Agent, type Job, type KeyStore } from 'aga-delegate/client';
import { verifyBundle, type Report } from 'aga-delegate/verify';
import { open, seal, toDidKey, type Artifact, type Json } from 'aga-delegate';

type IsAny<T> = 0 extends 1 & T ? true : false;
export const known: IsAny<Artifact> = false;

export async function main(keys: KeyStore, json: Json): Promise<unknown> {
  const lead: Agent = await connect({ server: 'http://127.0.0.1:7460', token: '', keys });
  const job: Job = await lead.delegate('a@1', { q: 1 }, Lease.builder().allow('tool.call', 'x/*').build());
  for await (const { event_number, kind } of job.events()) known || [event_number.toFixed(), kind.trim()];
  await work(lead, async ({ input, signal }) => (signal.throwIfAborted(), input));
  const report: Report = await verifyBundle(new Uint8Array(), { trust: '', disclosed: [{ a: 1 }] });
  const depth: number = open(json).artifact.terms.min_binding === 'proof' ? open(json).artifact.depth : 0;
  // @ts-expect-error There is no such member.
  open(json).artifact.nothing;
  return [report.valid, depth, seal, toDidKey, new DelegateError({ code: '', message: '', hint: '', retryable: false }, 0)];
}
`;

let at: string;
beforeAll(() => {
  at = directory();
  const installed = join(at, 'node_modules/aga-delegate');
  mkdirSync(installed, { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(installed, 'package.json'));
  const outDir = join(installed, 'dist/types');
  execFileSync(process.execPath, [TSC, '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', outDir]);
  mkdirSync(join(at, 'types'));
  symlinkSync(join(ROOT, 'node_modules/@types/node'), join(at, 'types/node'));
  symlinkSync(join(ROOT, 'node_modules/undici-types'), join(at, 'node_modules/undici-types'));
});

describe('the package', () => {
  it.each([
    ['nodenext', 'nodenext'],
    ['node16', 'node16'],
    ['esnext', 'bundler'],
  ])('has types that need no other package: module %s, resolved as %s', (module, moduleResolution) => {
    writeFileSync(join(at, 'package.json'), '{"type":"module"}');
    writeFileSync(join(at, 'program.ts'), PROGRAM);
    const [, shown = ''] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];
    writeFileSync(join(at, 'readme.ts'), shown);
    const compilerOptions = {
      ...{ target: 'es2023', lib: ['es2023'], module, moduleResolution, types: ['node'], typeRoots: ['types'] },
      ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true, preserveSymlinks: true },
    };
    writeFileSync(join(at, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts', 'readme.ts'] }));
    const { stdout, status } = spawnSync(process.execPath, [TSC, '-p', at], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  it('comes with the licence of everything that is bundled into it', async () => {
    const text = await notices();
    for (const name of ['zod', 'pg', '@modelcontextprotocol/server', 'commander', 'yaml'])
      expect(text).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+, (?:MIT|ISC|Apache-2.0)\n\n[^]{200}`, 'm'));
    for (const notice of text.split(/^-{80}$/m)) expect(notice.trim()).toMatch(/copyright/i);
  });

  it('has for each of its entry points one that needs no Node, in words that can be read', async () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const entries = Object.values<string | { node: string; default: string }>(exports).filter(
      (at) => typeof at !== 'string',
    );
    expect(entries).toHaveLength(3);
    for (const { node, default: portable } of entries) {
      const text = readFileSync(join(ROOT, portable), 'utf8');
      expect(text).not.toMatch(/["']node:/);
      expect(text).toMatch(/^var |^function \w{4,}/m);
      const [here, there] = await Promise.all([node, portable].map((file) => import(join(ROOT, file))));
      expect(Object.keys(there)).toEqual(Object.keys(here));
    }
  });

  it('knows an error of one of its entry points as one of another', async () => {
    const refused = { code: 'TIMEOUT', message: 'Late.', hint: '', retryable: true };
    const files = ['index.js', 'index.portable.js', 'client.js', 'client.portable.js'];
    const classes = await Promise.all(
      files.map(async (file) => (await import(join(ROOT, 'dist', file))).DelegateError as typeof DelegateError),
    );
    for (const One of classes) {
      for (const Other of classes) expect(new One(refused, 504)).toBeInstanceOf(Other);
      expect(new Error('Late.')).not.toBeInstanceOf(One);
      expect(undefined).not.toBeInstanceOf(One);
    }
    class Mine extends DelegateError {}
    expect(new DelegateError(refused, 504)).not.toBeInstanceOf(Mine);
    expect(new Mine(refused, 504)).toBeInstanceOf(DelegateError);
  });
});
