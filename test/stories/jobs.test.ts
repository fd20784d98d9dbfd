/** Jobs of the built server, across the ends of sessions and processes. */
import { execFileSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/assemble.ts';
import { operator } from '../../src/caller.ts';
import { settings } from '../../src/config.ts';
import { AGENT, carrying } from '../jobs/office.ts';
import { directory } from '../scratch.ts';
import { start as begin, type Host } from './host.ts';
import { SERVER, served } from './program.ts';

const NESTED = join(import.meta.dirname, '../jobs/nested.process.ts');
const node = { command: process.execPath };

function place(): string {
  const path = directory();
  const agents = {
    'worker@1.0.0': { ...node, args: ['--no-warnings', AGENT] },
    'nested@1.0.0': { ...node, args: ['--no-warnings', NESTED] },
    'elsewhere@1.0.0': { ...node, args: ['--no-warnings', NESTED], cwd: '/' },
    'thrifty@1.0.0': { ...node, args: ['--no-warnings', NESTED], budget_exhausted: 'end' },
    'stubborn@1.0.0': { ...node, args: ['--no-warnings', AGENT], budget_exhausted: 'end' },
  };
  writeFileSync(join(path, 'config.json'), JSON.stringify({ agents, job_grace_seconds: 1 }));
  return path;
}

const start = (path: string, env = {}): Promise<Host> =>
  begin(path, { args: ['--config', join(path, 'config.json')], env });
const root = (session: Host) =>
  session.call('aga_create_artifact', { permissions: { 'agent.delegate': ['*', '*@*'], 'cost.budget': ['USD:5'] } });
const stubborn = { deaf: true, fork: true, flee: true, sleep: 60_000 };
const stubbornJob = async (session: Host): Promise<string> => {
  const { job_id } = await session.call('aga_dispatch_job', { agent: 'worker', input: stubborn });
  await expect.poll(() => carrying(job_id).length, { timeout: 8000 }).toBe(3);
  return job_id;
};
/** A job whose server was killed, and whose processes live on. */
async function orphaned(): Promise<{ path: string; job_id: string }> {
  const path = place();
  const session = await start(path);
  await root(session);
  const job_id = await stubbornJob(session);
  session.child.kill('SIGKILL');
  await session.exited;
  expect(carrying(job_id)).toHaveLength(3);
  return { path, job_id };
}

describe('jobs', () => {
  it('end at once, processes included, with the session that dispatched them', async () => {
    const path = place();
    const session = await start(path);
    await root(session);
    const job_id = await stubbornJob(session);
    const waited = session.call('aga_get_job', { job_id, after_event: 50, wait_seconds: 60 });
    const before = performance.now();
    expect(await session.close()).toBe(0);
    expect(performance.now() - before).toBeLessThan(2000);
    expect(carrying(job_id)).toEqual([]);
    expect((await waited).state).toBe('cancelled');
    const next = await start(path);
    expect(await next.call('aga_get_job', { job_id })).toMatchObject({
      state: 'cancelled',
      error: { code: 'CANCELLED' },
    });
  });

  it('end with the server that looks after them, and whoever waits over HTTP is told so', async () => {
    const path = place();
    const bearer = 'the-operator-token-of-this-story';
    const server = await served(['--data-dir', path, '--config', join(path, 'config.json')], {
      AGA_OPERATOR_TOKEN: bearer,
    });
    const ask = async (at: string, body: object, more: object = {}): Promise<any> => {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${bearer}`, ...more };
      const response = await fetch(`${server.url}${at}`, { method: 'POST', headers, body: JSON.stringify(body) });
      return response.json();
    };
    const tool = (name: string, input: object) => ask(`/api/v1/tools/${name}`, input);
    const { artifact_hash } = await tool('aga_create_artifact', {});
    const asked = { parent_artifact_hash: artifact_hash, agent: 'worker', input: stubborn };
    const { job_id } = await tool('aga_dispatch_job', asked);
    const waited = tool('aga_get_job', { job_id, after_event: 50, wait_seconds: 60 });
    const taken = ask('/api/v1/jobs/take', { wait_seconds: 60 });
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'a story', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const params = { name: 'aga_get_job', arguments: { job_id, after_event: 50, wait_seconds: 60 }, _meta };
    const overMcp = ask(
      '/mcp',
      { jsonrpc: '2.0', id: 1, method: 'tools/call', params },
      {
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'aga_get_job',
      },
    );
    await expect.poll(() => carrying(job_id).length, { timeout: 8000 }).toBe(3);
    const before = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - before).toBeLessThan(2000);
    expect([(await waited).state, await taken]).toEqual(['cancelled', { job: null }]);
    expect((await overMcp).result.structuredContent.state).toBe('cancelled');
    expect(carrying(job_id)).toEqual([]);
  });

  it('of a killed server are ended by the next one, processes included', async () => {
    const { path, job_id } = await orphaned();
    const next = await start(path);
    await expect.poll(() => carrying(job_id), { timeout: 5000 }).toEqual([]);
    const ended = await next.call('aga_get_job', { job_id });
    expect(ended).toMatchObject({ state: 'error', error: { code: 'INTERNAL' } });
    expect(await next.call('aga_verify', { target: 'chain' })).toMatchObject({ valid: true });
  });

  it('of a killed server are ended by a command that lives for a moment, too', async () => {
    const { path, job_id } = await orphaned();
    execFileSync(process.execPath, [SERVER, '--data-dir', path, 'tree']);
    expect(carrying(job_id)).toEqual([]);
    const log = execFileSync(process.execPath, [SERVER, '--data-dir', path, 'log', '--kind', 'JOB_ENDED', '--json']);
    expect(JSON.parse(log.toString()).entries[0].event).toMatchObject({ job_id, state: 'error', code: 'INTERNAL' });
  });

  it('of a server that is killed at any instant end, and leave neither a process nor a budget behind', async () => {
    const path = place();
    let session = await start(path);
    const { artifact_hash } = await root(session);
    for (let round = 0; round < 10; round++) {
      const asked = { agent: 'worker', permissions: { 'cost.budget': ['USD:1'] }, request_id: `round-${round}` };
      const dispatch = (at: Host) =>
        at.call('aga_dispatch_job', { ...asked, input: stubborn, parent_artifact_hash: artifact_hash });
      const asking = dispatch(session).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, round * 12));
      session.child.kill('SIGKILL');
      await session.exited;
      await asking;
      const next = await start(path);
      // The same request finds the same job, where there was one; else it is a new one, to be ended here.
      const { job_id, state } = await dispatch(next);
      if (state !== 'error') await next.call('aga_cancel_job', { job_id });
      await expect
        .poll(async () => (await next.call('aga_get_job', { job_id })).state, { timeout: 5000 })
        .toMatch(/^(error|cancelled)$/);
      await expect.poll(() => carrying(job_id), { timeout: 5000 }).toEqual([]);
      const { events, last_event } = await next.call('aga_get_job', { job_id });
      expect(events.map(({ event_number }: any) => event_number)).toEqual(
        events.map((_: unknown, at: number) => at + 1),
      );
      expect(events).toHaveLength(last_event);
      const { tree } = await next.call('aga_inspect', { artifact_hash, view: 'tree' });
      expect(JSON.stringify(tree)).toContain('USD:5');
      session = next;
    }
    const accepted = (await session.call('aga_query_chain', { kind: 'JOB_ACCEPTED', limit: 500 })).entries;
    const ended = (await session.call('aga_query_chain', { kind: 'JOB_ENDED', limit: 500 })).entries;
    const ids = (entries: any[]): string[] => entries.map(({ event }) => event.job_id).toSorted();
    expect(ids(ended)).toEqual(ids(accepted));
    expect(await session.call('aga_verify', { target: 'chain' })).toMatchObject({ valid: true });
  }, 60_000);

  it('are part of the trace that their server was started in, where a call names none', async () => {
    const path = place();
    const TRACEPARENT = `00-${'c'.repeat(32)}-${'2'.repeat(16)}-01`;
    const session = await start(path, { TRACEPARENT });
    const { artifact_hash: parent_artifact_hash } = await root(session);
    const asked = { agent: 'worker', input: { env: true }, wait_seconds: 20, parent_artifact_hash };
    expect((await session.call('aga_dispatch_job', asked)).result).toMatchObject({ TRACEPARENT });
  });

  it('act under their own artifact with what their environment holds, and give out work', async () => {
    const session = await start(place());
    const { artifact_hash } = await root(session);
    const inner = { agent: 'worker', input: { result: 'deep' }, wait_seconds: 20 };
    const calls = [
      { tool: 'aga_inspect', given: { view: 'lineage' } },
      { tool: 'aga_create_artifact', given: {} },
      { tool: 'aga_dispatch_job', given: inner },
      { tool: 'aga_dispatch_job', given: { ...inner, permissions: { 'tool.call': ['**'] } } },
      { tool: 'aga_spend', given: { action: 'reserve', amounts: ['USD:2'] } },
      { tool: 'aga_spend', given: { action: 'reserve', amounts: ['USD:0.01'] } },
    ];
    const permissions = { 'agent.delegate': ['worker@*'], 'cost.budget': ['USD:2'] };
    const job = await session.call('aga_dispatch_job', {
      agent: 'nested',
      input: { calls },
      permissions,
      wait_seconds: 30,
    });
    expect(job.state).toBe('success');
    const [seen, created, deep, wider, reserved, more] = job.result;
    expect(seen.lineage.map((each: { artifact_hash: string }) => each.artifact_hash)).toEqual([
      artifact_hash,
      job.child_artifact_hash,
    ]);
    expect(created.error.code).toBe('NOT_OPERATOR');
    expect(deep).toMatchObject({ state: 'success', result: 'deep', agent: 'worker@1.0.0' });
    expect(wider.error.code).toBe('LEASE_SUBSET_VIOLATION');
    expect(reserved.remaining.at(-1).amounts).toEqual(['USD:0']);
    expect(more.error.code).toBe('BUDGET_EXHAUSTED');
    expect(job.events.find(({ kind }: { kind: string }) => kind === 'delegate')).toMatchObject({
      agent: 'worker@1.0.0',
      job_id: deep.job_id,
    });
  });

  it('that nobody waits for end with the job that gave them out', async () => {
    const session = await start(place());
    await root(session);
    const given = { agent: 'worker', input: stubborn };
    const calls = [
      { tool: 'aga_dispatch_job', given },
      { tool: 'aga_get_job', given: { job_id: '0'.repeat(32) } },
    ];
    const input = {
      agent: 'nested',
      input: { calls },
      permissions: { 'agent.delegate': ['*', '*@*'] },
      wait_seconds: 20,
    };
    const outer = await session.call('aga_dispatch_job', input);
    expect(outer.state).toBe('success');
    const [{ job_id }, unknown] = outer.result;
    expect(unknown.error.code).toBe('JOB_NOT_FOUND');
    await expect.poll(() => carrying(outer.job_id), { timeout: 5000 }).toEqual([]);
    await expect
      .poll(async () => (await session.call('aga_get_job', { job_id })).events.at(-1).state, { timeout: 8000 })
      .toBe('cancelled');
  });

  it('inside of jobs end with them, though their supervisor is inside too', async () => {
    const session = await start(place());
    await root(session);
    const given = { agent: 'worker', input: stubborn, wait_seconds: 60 };
    const outer = await session.call('aga_dispatch_job', {
      agent: 'nested',
      input: { calls: [{ tool: 'aga_dispatch_job', given }] },
      permissions: { 'agent.delegate': ['*', '*@*'] },
    });
    await expect.poll(() => carrying(outer.job_id).length, { timeout: 8000 }).toBe(5);
    const { events } = await session.call('aga_get_job', { job_id: outer.job_id });
    const { job_id } = events.find(({ kind }: { kind: string }) => kind === 'delegate');
    await session.call('aga_cancel_job', { job_id: outer.job_id });
    await expect.poll(() => carrying(outer.job_id), { timeout: 5000 }).toEqual([]);
    const job = await session.call('aga_get_job', { job_id, wait_seconds: 5 });
    expect(job).toMatchObject({ state: 'cancelled' });
    await expect
      .poll(async () => (await session.call('aga_get_job', { job_id })).events.at(-1).state, { timeout: 5000 })
      .toBe('cancelled');
  });

  it('that end with their budget end by a refusal two processes further down, with everything below', async () => {
    const session = await start(place());
    const { artifact_hash } = await root(session);
    const spend = (amount: string) => ({ tool: 'aga_spend', given: { action: 'reserve', amounts: [amount] } });
    const wait = { agent: 'worker', input: { sleep: 2000, result: null }, wait_seconds: 20 };
    const inner = { calls: [spend('USD:2'), { tool: 'aga_dispatch_job', given: wait }, spend('USD:0.01')] };
    const permissions = { 'agent.delegate': ['*', '*@*'] };
    const calls = [
      { tool: 'aga_dispatch_job', given: { agent: 'worker', input: stubborn } },
      { tool: 'aga_dispatch_job', given: { agent: 'nested', input: inner, permissions, wait_seconds: 60 } },
      { tool: 'aga_dispatch_job', given: { ...wait, input: stubborn, wait_seconds: 60 } },
    ];
    const outer = await session.call('aga_dispatch_job', {
      agent: 'thrifty',
      input: { calls },
      permissions: { ...permissions, 'cost.budget': ['USD:2'] },
    });
    // The agent, its gateway, what it gave out, what that has started, and the same again a level further down.
    await expect.poll(() => carrying(outer.job_id).length, { timeout: 8000 }).toBeGreaterThanOrEqual(8);
    const ended = await session.call('aga_get_job', { job_id: outer.job_id, after_event: 50, wait_seconds: 20 });
    expect(ended).toMatchObject({ state: 'error', error: { code: 'BUDGET_EXHAUSTED' } });
    await expect.poll(() => carrying(outer.job_id), { timeout: 6000 }).toEqual([]);
    const { events } = await session.call('aga_get_job', { job_id: outer.job_id });
    const given = events.filter(({ kind }: { kind: string }) => kind === 'delegate');
    expect(given.map(({ agent }: { agent: string }) => agent)).toEqual(['worker@1.0.0', 'nested@1.0.0']);
    for (const { job_id } of given) {
      const at = () => session.call('aga_get_job', { job_id });
      await expect.poll(async () => (await at()).events.at(-1).state, { timeout: 6000 }).toBe('cancelled');
      expect(await at()).toMatchObject({ error: { code: expect.stringMatching(/^(ARTIFACT_REVOKED|CANCELLED)$/) } });
    }
    const [{ budget_left }] = (await session.call('aga_inspect', { artifact_hash, view: 'tree' })).tree;
    expect(budget_left).toEqual(['USD:5']);
    expect(await session.call('aga_verify', { target: 'chain' })).toMatchObject({ valid: true });
  }, 40_000);

  it('that end with their budget end by a refusal in a process that knows nothing of agents', async () => {
    const path = place();
    const session = await start(path);
    await root(session);
    const permissions = { 'cost.budget': ['USD:1'] };
    const asked = { agent: 'stubborn', input: stubborn, permissions };
    const { job_id, child_artifact_hash } = await session.call('aga_dispatch_job', asked);
    await expect.poll(() => carrying(job_id).length, { timeout: 8000 }).toBe(3);
    const other = await begin(path);
    const spend = (action: string, more: object) =>
      other.call('aga_spend', { action, artifact_hash: child_artifact_hash, ...more });
    const { reservation_id } = await spend('reserve', { amounts: ['USD:1'] });
    await spend('settle', { reservation_id });
    expect((await session.call('aga_get_job', { job_id })).state).toBe('running');
    await expect(spend('reserve', { amounts: ['USD:0.01'] })).rejects.toThrow('BUDGET_EXHAUSTED');
    expect(await session.call('aga_get_job', { job_id })).toMatchObject({
      state: 'error',
      error: { code: 'BUDGET_EXHAUSTED' },
    });
    await expect.poll(() => carrying(job_id), { timeout: 5000 }).toEqual([]);
  });

  it('read entries that were archived to a folder that has moved, and prove what they were given', async () => {
    const path = place();
    const config = join(path, 'config.json');
    const { service, close } = await assemble(settings({ 'data-dir': path, config }, {}, process.platform));
    const create = service.tools.get('aga_create_artifact')!;
    const { artifact_hash: parent_artifact_hash } = await service.call(create, {}, operator());
    const question = {
      acts: [{ capability: 'tool.call', resource: 'a/b' }],
      tool: 'a/b',
      argumentsDigest: '',
    } as const;
    const act = (_: unknown, requestId: number) => service.decide(operator(), { ...question, requestId }, 'enforce');
    await Promise.all(Array.from({ length: 300 }, act));
    await close();
    const archive = join(path, 'archive');
    const moved = join(path, 'moved');
    const args = ['archive', '--data-dir', path, '--before', '290', '--to', archive];
    execFileSync(process.execPath, [SERVER, ...args], { stdio: 'ignore' });
    renameSync(archive, moved);
    const env = { AGA_ARCHIVE_DIR: relative(process.cwd(), moved) };
    const session = await start(path, env);
    const calls = [
      { tool: 'aga_export_evidence', given: {} },
      { tool: 'aga_verify', given: { target: 'chain' } },
    ];
    const asked = { agent: 'elsewhere', input: { calls }, wait_seconds: 20, parent_artifact_hash };
    const { result } = await session.call('aga_dispatch_job', asked);
    expect(result).toMatchObject([{ path: expect.any(String) }, { valid: true }]);
  });
});
