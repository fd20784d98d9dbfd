/** `delegate(agent, input, lease)` of the client library, over HTTP, to agents that are processes. */
import { rmSync, writeFileSync } from 'node:fs';
import { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it, vi } from 'vitest';
import { assemble, type Installation } from '../../src/assemble.ts';
import { operator as asOperator, bound } from '../../src/caller.ts';
import { type Agent, connect, type DelegateError, type JobEvent, Lease, work } from '../../src/client/index.ts';
import { settings } from '../../src/config.ts';
import { type Serving, serveInstallation } from '../../src/installation/serving.ts';
import type { JobEventShown } from '../../src/tools/job.ts';
import { AGENTS, carrying } from '../jobs/office.ts';
import { directory } from '../scratch.ts';

const OPERATOR = 'an-operator-token-of-the-tests';
let installation: Installation;
let server: Serving;
let dataDir: string;
let ctx: Agent;

const operator = async (tool: string, input: object): Promise<any> => {
  const response = await fetch(`${server.url}/api/v1/tools/${tool}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json' },
    body: JSON.stringify(input),
  });
  return response.json();
};

beforeAll(async () => {
  dataDir = directory();
  const config = join(dataDir, 'config.json');
  writeFileSync(config, JSON.stringify({ agents: AGENTS, job_grace_seconds: 1 }));
  installation = await assemble(settings({ 'data-dir': dataDir, config }, {}, process.platform));
  server = await serveInstallation(installation, { host: '127.0.0.1', port: 0, dataDir, given: OPERATOR });
  const permissions = {
    'tool.call': ['search:*'],
    'net.fetch': ['https://api.example.com/**'],
    'agent.delegate': ['*', '*@*'],
    'cost.budget': ['USD:5'],
  };
  const root = await operator('aga_create_artifact', { permissions });
  const { enrollment } = await operator('aga_delegate_to_subagent', {
    parent_artifact_hash: root.artifact_hash,
    sub_agent_id: 'lead',
    permissions,
    enroll: true,
  });
  ctx = await connect({ server: server.url, token: enrollment.token });
});
/** Another process of the same authority. */
const another = async (): Promise<Installation> => {
  others.push(
    await assemble(settings({ 'data-dir': dataDir, config: join(dataDir, 'config.json') }, {}, process.platform)),
  );
  return others.at(-1)!;
};
const others: Installation[] = [];
afterAll(async () => {
  for (const each of others) await each.close();
  await ctx.close();
  await server.close();
  await installation.close();
});

const refused = (promise: Promise<unknown>): Promise<DelegateError> =>
  promise.then(
    () => null,
    (error) => error,
  ) as Promise<any>;
const lease = () =>
  Lease.builder()
    .allow('tool.call', 'search:*')
    .allow('net.fetch', 'https://api.example.com/**')
    .expiresIn('10m')
    .budget('USD:2.00')
    .build();

it('has the events of a job in the form in which the authority shows them', () => {
  // Declared twice, because the client knows nothing of the authority's rooms; the compiler holds them together here.
  expectTypeOf<JobEvent>().toEqualTypeOf<JobEventShown>();
});

describe('delegate(agent, input, lease)', () => {
  it('returns a handle with the result and every event', async () => {
    const say = [
      { type: 'progress', progress: 1, total: 2 },
      { type: 'log', message: 'hello' },
    ];
    const child = await ctx.delegate('worker@1.0.0', { say, sleep: 100, result: { found: 3 } }, lease());
    const seen: JobEvent[] = [];
    for await (const event of child.events()) seen.push(event);
    expect(await child.result()).toEqual({ found: 3 });
    expect(seen.map(({ event_number }) => event_number)).toEqual(seen.map((_, at) => at + 1));
    expect(seen.map(({ kind, state }) => state ?? kind)).toEqual(['pending', 'running', 'progress', 'log', 'success']);
    const later: number[] = [];
    for await (const { event_number } of (await ctx.job(child.id)).events(3)) later.push(event_number);
    expect(later).toEqual([4, 5]);
  });

  it('gives exactly what the lease allows', async () => {
    const child = await ctx.delegate('worker', { sleep: 60_000 }, lease());
    const { artifact } = (await ctx.call('aga_inspect', { artifact_hash: child.artifact })) as any;
    expect(artifact.scope.permissions).toEqual({
      'cost.budget': ['USD:2'],
      'net.fetch': ['https://api.example.com/**'],
      'tool.call': ['search:*'],
    });
    expect(artifact.terms.budget_mode).toBe('slice');
    expect(Date.parse(artifact.expires_at) - Date.parse(artifact.issued_at)).toBe(600_000);
    await child.cancel();
  });

  it('takes the terms of a lease without its class, and drops none of them', async () => {
    const child = await ctx.delegate('worker', null, { permissions: { 'tool.call': ['search:*'] }, ttl_seconds: 60 });
    const { artifact } = (await ctx.call('aga_inspect', { artifact_hash: child.artifact })) as any;
    expect(artifact.scope.permissions).toEqual({ 'tool.call': ['search:*'] });
    const unknown = { permission: { 'tool.call': [] } } as any;
    expect(await refused(ctx.delegate('worker', null, unknown))).toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('rejects with the code of the job', async () => {
    const child = await ctx.delegate('worker', { deaf: true, fork: true, sleep: 60_000 }, lease());
    const result = refused(child.result());
    expect((await child.cancel()).state).toBe('cancelled');
    expect(await result).toMatchObject({ name: 'DelegateError', code: 'CANCELLED' });
    await expect.poll(() => carrying(child.id), { timeout: 5000 }).toEqual([]);
    const late = await ctx.delegate('hasty', { sleep: 60_000 }, lease());
    expect(await refused(late.result())).toMatchObject({ code: 'TIMEOUT', retryable: true });
    const own = { type: 'error', error: { code: 'NO_DATA', message: 'nothing' } };
    const failed = await ctx.delegate('worker', { say: [own] }, lease());
    expect(await refused(failed.result())).toMatchObject({ code: 'NO_DATA', message: 'nothing' });
  });

  it('is waited for until its caller gives up, and goes on', async () => {
    const child = await ctx.delegate('worker', { sleep: 1000, result: 'there' }, lease());
    const signal = AbortSignal.timeout(100);
    expect(await refused(child.result({ signal }))).toMatchObject({ code: 'TIMEOUT', retryable: true, status: 0 });
    const events = child.events(2, { signal: AbortSignal.abort() });
    expect(await refused(events.next())).toMatchObject({ code: 'CANCELLED' });
    expect(await child.result()).toBe('there');
    expect((await child.status(2, { signal: new AbortController().signal })).state).toBe('success');
  });

  it('is refused before anything starts', async () => {
    const wider = Lease.builder().allow('fs.write', '/**').build();
    expect(await refused(ctx.delegate('worker', null, wider))).toMatchObject({
      code: 'LEASE_SUBSET_VIOLATION',
      status: 403,
    });
    const dear = Lease.builder().budget('USD:2.00', 'USD:2.00').build();
    const [one, two] = [
      await ctx.delegate('worker', { sleep: 60_000 }, dear),
      await refused(ctx.delegate('worker', {}, dear)),
    ];
    expect(two.code).toBe('BUDGET_EXHAUSTED');
    await one.cancel();
    const three = await ctx.delegate('worker', { result: 1 }, dear);
    expect(await three.result()).toBe(1);
    expect((await refused(ctx.delegate('nobody', {}))).code).toBe('AGENT_NOT_AVAILABLE');
    expect((await refused(ctx.delegate('worker@9', {}))).code).toBe('AGENT_VERSION_NOT_AVAILABLE');
    expect((await refused(ctx.job('f'.repeat(32)))).code).toBe('JOB_NOT_FOUND');
  });

  it('finds the same job again by its request id', async () => {
    const [one, two] = await Promise.all(
      [1, 2].map(() => ctx.delegate('worker', { result: 5 }, lease(), { requestId: 'same' })),
    );
    expect(one!.id).toBe(two!.id);
    expect(await two!.result()).toBe(5);
    expect((await refused(ctx.delegate('worker', { result: 6 }, lease(), { requestId: 'same' }))).code).toBe(
      'DUPLICATE_KEY',
    );
  });

  it('passes a trace on', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const response = await fetch(`${server.url}/api/v1/tools/aga_dispatch_job`, {
      method: 'POST',
      headers: { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json', traceparent },
      body: JSON.stringify({
        agent: 'worker',
        input: { env: true },
        parent_artifact_hash: (ctx.lineage[0] as any) && ctx.artifact.parent,
        wait_seconds: 10,
      }),
    });
    const { job_id, result } = (await response.json()) as any;
    const { entries } = await operator('aga_query_chain', { kind: 'JOB_ACCEPTED', limit: 500 });
    const accepted = entries.find(({ event }: any) => event.job_id === job_id);
    expect(accepted.event.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    expect(result.TRACEPARENT).toBe(accepted.event.traceparent);
  });
});

it('a call to /mcp takes the trace of its _meta, or else of its request', async () => {
  const [inHeader, inMeta] = ['a', 'b'].map((digit) => `00-${digit.repeat(32)}-${'1'.repeat(16)}-01`);
  const parent_artifact_hash = (await operator('aga_create_artifact', { permissions: { 'agent.delegate': ['*@*'] } }))
    .artifact_hash;
  const traced = async (_meta: object): Promise<string> => {
    const input = { agent: 'far', input: null, permissions: {}, parent_artifact_hash };
    const params = { name: 'aga_dispatch_job', arguments: input, _meta };
    const response = await fetch(`${server.url}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${OPERATOR}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        traceparent: inHeader!,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    });
    const jobId = /"job_id":"([0-9a-f]{32})"/.exec(await response.text())?.[1];
    const { entries } = await operator('aga_query_chain', { kind: 'JOB_ACCEPTED', limit: 500 });
    await operator('aga_cancel_job', { job_id: jobId });
    return entries.find(({ event }: any) => event.job_id === jobId).event.traceparent;
  };
  expect(await traced({})).toBe(inHeader);
  expect(await traced({ traceparent: inMeta })).toBe(inMeta);
});

describe('a worker elsewhere', () => {
  const post = async (worker: Agent, path: string, body: object): Promise<any> =>
    (await worker.open('POST', `/api/v1/jobs/${path}`, body)).json();
  const hire = async (boss: Agent, name: string): Promise<Agent> => {
    const { enrollmentToken } = await boss.delegate({ subAgentName: name, policyPreset: 'isolated' });
    return connect({ server: server.url, token: enrollmentToken });
  };

  it('takes a job, says how it goes, and gives its result', async () => {
    const worker = await hire(ctx, 'far');
    expect(await post(worker, 'take', {})).toEqual({ job: null });
    const waiting = post(worker, 'take', { wait_seconds: 10 });
    const child = await ctx.delegate('far', { question: 6 }, lease());
    const { job } = await waiting;
    expect(job).toMatchObject({
      job_id: child.id,
      agent: 'far@1.0.0',
      input: { question: 6 },
      artifact_hash: child.artifact,
    });
    expect(await post(worker, 'take', {})).toEqual({ job: null });
    const say = [{ type: 'progress', progress: 1, total: 2, message: 'half' }];
    expect(await post(worker, `${child.id}/say`, { say })).toEqual({ state: 'running', code: null });
    const session = await connect({ server: server.url, token: job.enrollment_token });
    expect((await session.authorize({ capability: 'tool.call', resource: 'search:a' })).allowed).toBe(true);
    const end = { say: [{ type: 'result', result: { answer: 42 } }] };
    expect(await post(worker, `${child.id}/say`, end)).toEqual({ state: 'success', code: null });
    expect(await child.result()).toEqual({ answer: 42 });
    const seen: string[] = [];
    for await (const { kind, state } of child.events()) seen.push(state ?? kind);
    expect(seen).toEqual(['pending', 'running', 'progress', 'success']);
  });

  it('is told that its job is not wanted any more', async () => {
    const [mine] = (await ctx.list()).filter(({ metadata }) => metadata.name === 'far');
    await ctx.revoke(mine!.metadata.uid);
    const other = await hire(ctx, 'far');
    const child = await ctx.delegate('far', null, lease());
    expect((await post(other, 'take', { wait_seconds: 5 })).job.job_id).toBe(child.id);
    await child.cancel();
    const say = [{ type: 'result', result: 1 }];
    expect(await post(other, `${child.id}/say`, { say })).toEqual({ state: 'cancelled', code: 'CANCELLED' });
    expect((await refused(child.result())).code).toBe('CANCELLED');
    await ctx.revoke('far');
  });

  it('may be silent for as long as the configuration says; then its job is over, and nobody else is given it', async () => {
    const worker = await hire(ctx, 'faint');
    const child = await ctx.delegate('faint', null, lease());
    const { job } = await post(worker, 'take', { wait_seconds: 5 });
    expect(job.job_id).toBe(child.id);
    // Words of no content are signs of life.
    for (let beat = 0; beat < 6; beat++) {
      await sleep(400);
      await child.status();
      expect(await post(worker, `${child.id}/say`, { say: [] })).toEqual({ state: 'running', code: null });
    }
    await expect.poll(async () => (await child.status()).state, { timeout: 8000 }).toBe('error');
    const { code, message } = await refused(child.result());
    expect([code, message]).toEqual(['UPSTREAM_FAILED', 'Nothing was heard of the worker for 2 s.']);
    // It comes back, and is told; what it held is worth nothing any more.
    const say = [{ type: 'result', result: 'late' }];
    expect(await post(worker, `${child.id}/say`, { say })).toEqual({ state: 'error', code: 'UPSTREAM_FAILED' });
    expect((await refused(connect({ server: server.url, token: job.enrollment_token }))).code).toBe('ARTIFACT_REVOKED');
    expect(await post(worker, 'take', {})).toEqual({ job: null });
  }, 20_000);

  it('of the library works until it is told to stop, alive all the while', async () => {
    await ctx.revoke('faint').catch(() => undefined);
    const worker = await hire(ctx, 'faint');
    const stopping = new AbortController();
    const seen: string[] = [];
    const working = work(
      worker,
      async ({ input, progress, log, signal }) => {
        seen.push(JSON.stringify(input));
        const { ms, fail } = input as { ms: number; fail?: string };
        progress(1, 2, 'half');
        log('a line');
        await Promise.race([sleep(ms), new Promise((resolve) => signal.addEventListener('abort', resolve))]);
        if (signal.aborted) seen.push('not wanted');
        if (fail !== undefined) throw Object.assign(new Error('no luck'), { code: fail });
        return { done: ms };
      },
      { signal: stopping.signal, beatSeconds: 0.2 },
    );
    // Longer than it may be silent, looked at all the while.
    const long = await ctx.delegate('faint', { ms: 3000 }, lease());
    await expect.poll(async () => (await long.status()).state, { timeout: 8000, interval: 400 }).toBe('success');
    expect(await long.result()).toEqual({ done: 3000 });
    const events: string[] = [];
    for await (const { kind, message } of long.events()) events.push(message ?? kind);
    expect(events).toEqual(['status', 'status', 'half', 'a line', 'status']);
    const failing = await ctx.delegate('faint', { ms: 0, fail: 'NO_DATA' }, lease());
    expect(await refused(failing.result())).toMatchObject({ code: 'NO_DATA', message: 'no luck' });
    const unwanted = await ctx.delegate('faint', { ms: 60_000 }, lease());
    await expect.poll(() => seen.length).toBe(3);
    await unwanted.cancel();
    await expect.poll(() => seen.at(-1)).toBe('not wanted');
    stopping.abort();
    await working;
  }, 20_000);

  it('of the library asks again when an answer was cut, and gives its result again', async () => {
    await ctx.revoke('faint').catch(() => undefined);
    const cut = new Set(['take', 'say']);
    const { enrollmentToken } = await ctx.delegate({ subAgentName: 'faint', policyPreset: 'isolated' });
    const worker = await connect({
      server: server.url,
      token: enrollmentToken,
      fetch: async (url, init) =>
        cut.delete(String(url).split('/').at(-1) ?? '')
          ? new Response(new ReadableStream({ start: (stream) => stream.error(new TypeError('terminated')) }))
          : fetch(url, init),
    });
    const stopping = new AbortController();
    const working = work(worker, async () => 'done', { signal: stopping.signal });
    expect(await (await ctx.delegate('faint', null, lease())).result()).toBe('done');
    expect(cut.size).toBe(0);
    stopping.abort();
    await working;
  }, 20_000);

  it('that hangs up while it waits is given nothing', async () => {
    await ctx.revoke('faint');
    const other = await hire(ctx, 'faint');
    const hangUp = new AbortController();
    const waiting = other.open('POST', '/api/v1/jobs/take', { wait_seconds: 30 }, { signal: hangUp.signal });
    await sleep(300);
    hangUp.abort();
    await refused(waiting);
    const child = await ctx.delegate('faint', null, lease());
    await sleep(600);
    expect((await child.status()).state).toBe('pending');
    expect((await post(other, 'take', {})).job.job_id).toBe(child.id);
    await child.cancel();
  });

  it('is not given a job whose input was lost', async () => {
    const child = await ctx.delegate('far', { question: 1 }, lease());
    rmSync(join(dataDir, 'jobs', `${child.id}.jsonl`));
    expect(await installation.jobs.take(asOperator(), 0)).toBeNull();
    expect((await refused(child.result())).code).toBe('INTERNAL');
  }, 15_000);

  it('is nobody to jobs of others', async () => {
    const { enrollmentToken } = await ctx.delegate({ subAgentName: 'lead-2', policyPreset: 'coordinator' });
    const boss = await connect({ server: server.url, token: enrollmentToken });
    const [stranger, unnamed] = [await hire(boss, 'far'), await hire(ctx, 'near')];
    const child = await ctx.delegate('far', null, lease());
    for (const each of [stranger, unnamed]) {
      expect(await post(each, 'take', {})).toEqual({ job: null });
      const say = { say: [{ type: 'result', result: 'stolen' }] };
      expect((await refused(post(each, `${child.id}/say`, say))).code).toBe('JOB_NOT_FOUND');
    }
    await child.cancel();
    // A job that is done here is nobody's elsewhere, whatever a sub-agent is called.
    const namesake = await hire(ctx, 'worker');
    const local = await ctx.delegate('worker', { sleep: 60_000 }, lease());
    const forged = { say: [{ type: 'result', result: 'forged' }] };
    expect((await refused(post(namesake, `${local.id}/say`, forged))).code).toBe('JOB_NOT_FOUND');
    expect((await refused(installation.jobs.say(asOperator(), local.id, []))).code).toBe('JOB_NOT_FOUND');
    await local.cancel();
  });

  it('speaks of what it took alone, also where another one bears its name', async () => {
    await ctx.revoke('far').catch(() => undefined);
    // The tool gives out a name twice; the route would not.
    const hireByTool = async (): Promise<Agent> => {
      const asked = { sub_agent_id: 'far', permissions: {}, enroll: true };
      const { enrollment } = (await ctx.call('aga_delegate_to_subagent', asked)) as any; // of its schema
      return connect({ server: server.url, token: enrollment.token });
    };
    const [first, second] = [await hireByTool(), await hireByTool()];
    const child = await ctx.delegate('far', null, lease());
    const { job } = await post(first, 'take', { wait_seconds: 5 });
    expect(job.job_id).toBe(child.id);
    const say = [{ type: 'result', result: 'stolen' }];
    for (const at of [installation, await another()]) {
      const speaking = at.jobs.say(bound(String((await second.inspect()).status.artifactHash), 'bearer'), child.id, []);
      expect((await refused(speaking)).code).toBe('JOB_NOT_FOUND');
    }
    expect((await refused(post(second, `${child.id}/say`, { say }))).code).toBe('JOB_NOT_FOUND');
    const mine = [{ type: 'result', result: 'mine' }];
    expect(await post(first, `${child.id}/say`, { say: mine })).toMatchObject({ state: 'success' });
    expect(await child.result()).toBe('mine');
    for (const each of [first, second]) await ctx.revoke(each.agentId);
  });

  it('that speaks of a job that nobody has taken has taken it', async () => {
    await ctx.revoke('far').catch(() => undefined);
    const worker = await hire(ctx, 'far');
    const child = await ctx.delegate('far', null, lease());
    expect(await post(worker, `${child.id}/say`, { say: [] })).toEqual({ state: 'pending', code: null });
    const say = [{ type: 'result', result: 1 }];
    expect(await post(worker, `${child.id}/say`, { say })).toEqual({ state: 'success', code: null });
    const seen: unknown[] = [];
    for await (const { state } of child.events()) seen.push(state);
    expect(seen).toEqual(['pending', 'running', 'success']);
  });
});

describe('the stream of a job', () => {
  it('has every event once, from any number on, and ends with the job', async () => {
    const say = Array.from({ length: 5 }, (_, at) => ({ type: 'log', message: `line ${at}` }));
    const child = await ctx.delegate('worker', { say, sleep: 200, result: 1 }, lease());
    const text = await (
      await ctx.open('GET', `/api/v1/jobs/${child.id}/events`, undefined, { accept: 'text/event-stream' })
    ).text();
    const ids = (stream: string): number[] => Array.from(stream.matchAll(/^id: (\d+)$/gm), ([, id]) => Number(id));
    expect(ids(text)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(text).toContain('line 4');
    const rest = await (await ctx.open('GET', `/api/v1/jobs/${child.id}/events?after=6`)).text();
    expect(ids(rest)).toEqual([7, 8]);
    expect((await refused(ctx.open('GET', `/api/v1/jobs/${'0'.repeat(32)}/events`))).code).toBe('JOB_NOT_FOUND');
  });

  it('waits for a client that does not read', async () => {
    // More than fits between the two of them.
    const say = [{ type: 'log', message: '\u20ac'.repeat(4000) }];
    const child = await ctx.delegate('worker', { say, times: 900, result: 1 }, lease());
    await child.result();
    const write = vi.spyOn(ServerResponse.prototype, 'write');
    const stream = await ctx.open('GET', `/api/v1/jobs/${child.id}/events`);
    await sleep(500);
    // One page of events, not all of them.
    expect(write.mock.calls.length).toBeLessThan(600);
    write.mockRestore();
    expect((await stream.text()).match(/^id: /gm)).toHaveLength(903);
  });
});

describe('a lease', () => {
  it('is read in durations and refuses what is none', () => {
    expect(Lease.builder().expiresIn('1h30m').build().terms.ttl_seconds).toBe(5400);
    expect(Lease.builder().expiresIn('1.5h').build().terms.ttl_seconds).toBe(5400);
    expect(Lease.builder().expiresIn(7).build().terms.ttl_seconds).toBe(7);
    for (const text of ['', '10', '-5m', '5x', '1h 5m'])
      expect(() => Lease.builder().expiresIn(text)).toThrow(TypeError);
  });

  it('permits nothing where it allows nothing', () => {
    expect(Lease.builder().build().terms).toEqual({ permissions: {} });
  });
});
