/** Three agents, three processes, real upstreams, one revocation. */
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { directory } from '../scratch.ts';
import { type Host, start } from './host.ts';

interface Place {
  readonly data: string;
  /** A folder with `a.md` and `secret.txt`, and a link out of it. */
  readonly workspace: string;
  start(...args: string[]): Promise<Host>;
}

const FILES = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js');
const EVERYTHING = join(
  import.meta.dirname,
  '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
);

function place(config: object = {}): Place {
  const root = realpathSync(directory());
  const workspace = join(root, 'ws');
  mkdirSync(join(workspace, 'notes'), { recursive: true });
  writeFileSync(join(workspace, 'notes/a.md'), 'the quarterly numbers');
  writeFileSync(join(workspace, 'secret.txt'), 'not for everybody');
  symlinkSync(join(workspace, 'secret.txt'), join(workspace, 'notes/link.md'));
  const file = join(root, 'aga-delegate.json');
  const upstreams = {
    files: { command: process.execPath, args: [FILES, workspace] },
    every: { command: process.execPath, args: [EVERYTHING] },
  };
  writeFileSync(
    file,
    JSON.stringify({ upstreams, maps: { files: '@modelcontextprotocol/server-filesystem' }, ...config }),
  );
  return {
    data: join(root, 'data'),
    workspace,
    start: (...args) => start(join(root, 'data'), { args: ['--config', file, ...args] }),
  };
}

type Result = { isError?: boolean; content: { text: string }[] };
const use = async (agent: Host, name: string, args: object): Promise<Result> =>
  (await agent.request('tools/call', { name, arguments: args })).result as unknown as Result;
const codeOf = ({ isError, content }: Result): string | null =>
  isError ? JSON.parse(content[0]!.text).error.code : null;
const tools = async (agent: Host): Promise<string[]> =>
  (await agent.request('tools/list')).result?.tools.map((tool: { name: string }) => tool.name);

describe('three agents in three processes behind one gateway', () => {
  it('read what they may, are refused the rest, and end together', { timeout: 60_000 }, async () => {
    const { workspace, start } = place();
    const lead = await start();
    expect((await tools(lead)).some((name) => name.includes('__'))).toBe(false);
    expect(codeOf(await use(lead, 'files__read_text_file', { path: join(workspace, 'secret.txt') }))).toBe(
      'NO_ARTIFACT',
    );
    await lead.call('aga_create_artifact', {
      permissions: { 'tool.call': ['files/*', 'every/echo'], 'fs.read': [`${workspace}/**`] },
    });
    expect(await tools(lead)).toContain('every__echo');
    const reader = await lead.call('aga_delegate_to_subagent', {
      permissions: { 'tool.call': ['files/read_*'], 'fs.read': [`${workspace}/notes/**`], 'agent.delegate': ['*'] },
    });
    const agent = await start('--artifact', reader.child_artifact_hash);
    const read = (who: Host, path: string) => use(who, 'files__read_text_file', { path: join(workspace, path) });
    expect((await read(agent, 'notes/a.md')).content[0]?.text).toContain('quarterly numbers');
    for (const [path, name] of [
      ['secret.txt', 'files__read_text_file'],
      ['notes/link.md', 'files__read_text_file'],
      ['notes/../secret.txt', 'files__read_text_file'],
      ['notes/a.md', 'files__write_file'],
    ] as const) {
      expect([path, codeOf(await use(agent, name, { path: `${workspace}/${path}`, content: 'x' })) === null]).toEqual([
        path,
        false,
      ]);
    }
    const several = { paths: [join(workspace, 'notes/a.md'), join(workspace, 'secret.txt')] };
    expect(codeOf(await use(agent, 'files__read_multiple_files', several))).toBe('PERMISSION_DENIED');
    expect((await tools(agent)).filter((name) => name.includes('__'))).toEqual(
      expect.not.arrayContaining(['files__write_file', 'every__echo']),
    );
    const third = await agent.call('aga_delegate_to_subagent', { permitted_tools: ['files/read_text_file'] });
    const last = await start('--artifact', third.child_artifact_hash);
    expect((await read(last, 'notes/a.md')).isError).toBeFalsy();
    await lead.call('aga_revoke_artifact', { artifact_hash: reader.child_artifact_hash, reason: 'done' });
    expect(codeOf(await read(agent, 'notes/a.md'))).toBe('ARTIFACT_REVOKED');
    expect(codeOf(await read(last, 'notes/a.md'))).toBe('ARTIFACT_REVOKED');
    expect((await tools(last)).some((name) => name.startsWith('files__'))).toBe(false);
    expect((await use(lead, 'every__echo', { message: 'still here' })).content[0]?.text).toContain('still here');
    const { entries } = await lead.call('aga_query_chain', { kind: 'DECISION' });
    expect(
      entries.map(({ event }: { event: { verdict: string } }) => event.verdict).filter((v: string) => v === 'permit'),
    ).toHaveLength(3);
    expect(JSON.stringify(entries)).not.toContain(workspace);
    expect(await lead.call('aga_verify')).toMatchObject({ valid: true, findings: [] });
  });

  it('end in the middle of a call when they are revoked', { timeout: 60_000, retry: 2 }, async () => {
    const { start } = place();
    const lead = await start();
    await lead.call('aga_create_artifact', { permitted_tools: ['every/*'] });
    const child = await lead.call('aga_delegate_to_subagent', {});
    const agent = await start('--artifact', child.child_artifact_hash);
    await use(agent, 'every__echo', { message: 'warm' });
    const long = use(agent, 'every__trigger-long-running-operation', { duration: 20, steps: 2 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const cut = performance.now();
    await lead.call('aga_revoke_artifact', { artifact_hash: child.child_artifact_hash, reason: 'stop' });
    expect(codeOf(await long)).toBe('ARTIFACT_REVOKED');
    expect(performance.now() - cut).toBeLessThan(1000);
  });

  it('record in shadow mode what they would have been refused', { timeout: 60_000 }, async () => {
    const { workspace, start } = place({ mode: 'shadow' });
    const lead = await start();
    await lead.call('aga_create_artifact', {
      permissions: { 'tool.call': ['files/read_*'], 'fs.read': [`${workspace}/notes/**`] },
    });
    const result = await use(lead, 'files__read_text_file', { path: join(workspace, 'secret.txt') });
    expect(result.content[0]?.text).toContain('not for everybody');
    const { entries } = await lead.call('aga_query_chain', { kind: 'DECISION' });
    expect(entries[0].event).toMatchObject({ verdict: 'refuse', code: 'PERMISSION_DENIED', mode: 'shadow' });
  });

  it('measure what their lineage asks for', { timeout: 60_000 }, async () => {
    const { start } = place();
    const lead = await start();
    const types = ['CONFIG_MANIFEST', 'EXECUTABLE_IMAGE', 'TEE_QUOTE'];
    await lead.call('aga_create_artifact', { permitted_tools: ['every/*'], measurement_types: types });
    await use(lead, 'every__echo', { message: 'a' });
    await use(lead, 'every__echo', { message: 'b' });
    const { entries } = await lead.call('aga_query_chain', { kind: 'MEASUREMENT' });
    const seen = entries.map(({ event }: { event: Record<string, unknown> }) => [
      event.measurement_type,
      event.measured,
      event.drift,
    ]);
    expect(seen).toEqual([
      ['CONFIG_MANIFEST', true, false],
      ['EXECUTABLE_IMAGE', true, false],
      ['TEE_QUOTE', false, false],
    ]);
  });
});
