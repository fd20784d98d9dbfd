import { getEventListeners } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Agent, connect, type KeyStore } from '../../src/client/index.ts';
import { type Authority, authority, OPERATOR } from '../edge/http/fixture.ts';
import { thrown } from './thrown.ts';

/** As published for browsers. */
const PORTABLE = join(import.meta.dirname, '../../dist/client.portable.js');

let site: Authority;
beforeAll(async () => {
  site = await authority();
});
afterAll(() => site.close());

async function token(changes: object = {}): Promise<string> {
  const root = await site.send('POST', '/api/v1/tools/aga_create_artifact', { ttl_seconds: 86_400 }, OPERATOR);
  const input = {
    parent_artifact_hash: root.json.artifact_hash,
    sub_agent_id: 'lead',
    policy_preset: 'coordinator',
    enroll: true,
  };
  const { json } = await site.send(
    'POST',
    '/api/v1/tools/aga_delegate_to_subagent',
    { ...input, ...changes },
    OPERATOR,
  );
  return json.enrollment.token;
}

const connected = async (options: object = {}): Promise<Agent> =>
  connect({ server: site.url, token: await token(), ...options });

function storeInMemory(): KeyStore & { readonly kept: Map<string, Uint8Array> } {
  const kept = new Map<string, Uint8Array>();
  return { kept, load: async (id) => kept.get(id), save: async (id, seed) => void kept.set(id, seed) };
}

describe('an agent', () => {
  it('enrols, delegates, asks, looks and revokes', async () => {
    const lead = await connected({ agentName: 'lead', policyPreset: 'coordinator' });
    const minted = await lead.delegate({ subAgentName: 'worker', ttl: '30m', policyPreset: 'sandboxed' });
    expect(minted.parentRef).toEqual({ name: 'lead', namespace: 'default' });
    const worker = await connect({ server: `${site.url}/`, token: minted.enrollmentToken });
    expect(worker).toMatchObject({ agentName: 'worker', policyPreset: 'sandboxed', agentId: minted.agentId });
    expect(await worker.authorize({ capability: 'tool.call', resource: 'a/b', arguments: { x: 1 } })).toMatchObject({
      allowed: true,
    });
    expect(await worker.authorize({ capability: 'fs.write', resource: '/x' })).toMatchObject({
      allowed: false,
      code: 'PERMISSION_DENIED',
    });
    const write = { capability: 'fs.write', resource: '/x', artifact_hash: minted.artifactHash };
    expect(await lead.authorize(write)).toMatchObject({ allowed: false, refused_by: { subject: 'worker' } });
    expect((await worker.inspect()).metadata.uid).toBe(worker.agentId);
    expect((await lead.inspect('worker')).status).toMatchObject({ phase: 'Active', holder: worker.key.id });
    expect((await lead.list()).map(({ metadata }) => metadata.name)).toEqual(['lead', 'worker']);
    const chain = await lead.call('aga_query_chain', { kind: 'DECISION' });
    expect(JSON.stringify(chain)).toContain('"binding":"proof"');
    expect((await lead.revoke('worker')).revoked_count).toBe(1);
    expect(await thrown(worker.authorize({ capability: 'tool.call', resource: 'a/b' }))).toMatchObject({
      code: 'ARTIFACT_REVOKED',
      retryable: false,
      status: 403,
    });
  });

  it('needs nothing of Node: the portable build does the same', async () => {
    const portable: typeof import('../../src/client/index.ts') = await import(PORTABLE);
    const lead = await portable.connect({ server: site.url, token: await token() });
    expect((await lead.inspect()).status.phase).toBe('Active');
    expect(await lead.authorize({ capability: 'tool.call', resource: 'a/b' })).toMatchObject({ allowed: true });
  });

  it('says no with code, hint and retryable', async () => {
    const lead = await connected();
    const bad = await thrown(lead.delegate({ subAgentName: 'Bad Name' }));
    expect(bad).toMatchObject({ code: 'INVALID_REQUEST', retryable: false, status: 400 });
    expect(bad.hint.length).toBeGreaterThan(5);
    expect(await thrown(lead.inspect('nobody'))).toMatchObject({ code: 'ARTIFACT_NOT_FOUND', status: 404 });
    expect(await thrown(connect({ server: site.url, token: 'x' }))).toMatchObject({ code: 'TOKEN_INVALID' });
    expect(await thrown(connected({ agentName: 'other' }))).toMatchObject({ code: 'INVALID_REQUEST' });
    const unused = await token();
    for (const policyPreset of ['sandboxed', 'nothing'])
      expect(await thrown(connected({ token: unused, policyPreset }))).toMatchObject({ code: 'INVALID_REQUEST' });
    expect(await connected({ token: unused, policyPreset: 'coordinator' })).toMatchObject({ agentName: 'lead' });
    const nowhere = { server: 'http://127.0.0.1:9', token: await token() };
    expect(await thrown(connect(nowhere))).toMatchObject({ code: 'UPSTREAM_FAILED', retryable: true, status: 0 });
    for (const answer of [null, {}, 'ok', [1]]) {
      const other = { server: site.url, token: await token(), fetch: async () => Response.json(answer) };
      expect(await thrown(connect(other))).toMatchObject({ code: 'UPSTREAM_FAILED' });
    }
    // As where `process.env.AGA` was forgotten.
    for (const server of ['localhost:7460', 'nowhere', '', `${site.url}/?to=1`, undefined as unknown as string]) {
      const unnamed = await thrown(connect({ ...nowhere, server }));
      expect([server, unnamed.code, unnamed.retryable]).toEqual([server, 'INVALID_REQUEST', false]);
    }
    await lead.close();
    expect(await thrown(lead.list())).toMatchObject({ code: 'CANCELLED' });
  });

  it('asks for another try only where another may answer otherwise', async () => {
    const page = (status: number) => new Response('<html>', { status, headers: { 'content-type': 'text/html' } });
    const cut = () =>
      new Response(new ReadableStream({ start: (stream) => stream.error(new TypeError('terminated')) }));
    const answers: readonly (readonly [() => Response, boolean])[] = [
      ...[200, 401, 404].map((status) => [() => page(status), false] as const),
      ...[408, 429, 502, 503].map((status) => [() => page(status), true] as const),
      [cut, true],
      [() => Response.json({ ok: true }), false],
    ];
    for (const [answer, retryable] of answers) {
      const no = await thrown(connected({ fetch: async () => answer() }));
      expect([no.status, no.code, no.retryable]).toEqual([answer().status, 'UPSTREAM_FAILED', retryable]);
    }
  });

  it('ends each request with the signal of whoever asked: given up, or too late', async () => {
    const enrolled = await token();
    let silent = false;
    const send: typeof fetch = (url, init) => {
      if (!silent) return fetch(url, init);
      return new Promise((_, reject) => {
        const { signal } = init!;
        if (signal!.aborted) reject(signal!.reason);
        signal!.addEventListener('abort', () => reject(signal!.reason));
      });
    };
    const lead = await connect({ server: site.url, token: enrolled, fetch: send });
    silent = true;
    const asks: readonly ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => lead.delegate({ subAgentName: 'worker' }, { signal }),
      (signal) => lead.delegate('search', null, undefined, { signal }),
      (signal) => lead.authorize({ capability: 'fs.read', resource: '/a' }, { signal }),
      (signal) => lead.inspect('worker', { signal }),
      (signal) => lead.list({ signal }),
      (signal) => lead.revoke('worker', { signal }),
      (signal) => lead.call('aga_query_chain', {}, { signal }),
      (signal) => lead.job('0'.repeat(32), { signal }),
      (signal) => connect({ server: site.url, token: enrolled, fetch: send, signal }),
    ];
    for (const ask of asks) {
      const stop = new AbortController();
      const asked = thrown(ask(stop.signal));
      stop.abort();
      expect(await asked).toMatchObject({ code: 'CANCELLED', retryable: false, status: 0 });
      expect(await thrown(ask(stop.signal))).toMatchObject({ code: 'CANCELLED', cause: stop.signal.reason });
      expect(await thrown(ask(AbortSignal.timeout(5)))).toMatchObject({ code: 'TIMEOUT', retryable: true, status: 0 });
    }
    silent = false;
    expect((await lead.inspect()).status.phase).toBe('Active');
  });

  it('leaves nothing on a signal that outlives the request', async () => {
    const lead = await connected();
    const { signal } = new AbortController();
    const joins = vi.spyOn(AbortSignal, 'any');
    for (let i = 0; i < 3; i++) await lead.list({ signal });
    await thrown(lead.inspect('nobody', { signal }));
    const open = (path: string) => lead.open('GET', path, undefined, { signal });
    expect(JSON.parse(await (await open('/api/v1/agents')).text()).kind).toBe('AgentIdentityList');
    await thrown(open('/api/v1/agents/nobody'));
    await (await open('/api/v1/chain/events')).body?.cancel();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    // What it joins, Node 22 keeps for as long as one of them lives.
    expect(joins).not.toHaveBeenCalled();
    joins.mockRestore();
  });

  it('ends a stream that is being read, with its signal and with its agent', async () => {
    const lead = await connected();
    const given = new Error('enough');
    for (const [end, said] of [
      [(stop: AbortController) => stop.abort(given), given],
      [() => lead.close(), expect.objectContaining({ name: 'AbortError' })],
    ] as const) {
      const stop = new AbortController();
      const { body } = await lead.open('GET', '/api/v1/chain/events', undefined, { signal: stop.signal });
      const read = new Response(body).text().catch((error) => error);
      end(stop);
      expect(await read).toEqual(said);
      expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
    }
  });

  it('says that an answer was given up, or its agent closed, also once it has begun', async () => {
    const lead = await connected({
      fetch: async (url: string, init: RequestInit) => {
        const answer = await fetch(url, init);
        if (url.endsWith('/enroll')) return answer;
        const body = new ReadableStream({
          start: (stream) => init.signal?.addEventListener('abort', () => stream.error(init.signal?.reason)),
        });
        return new Response(body, answer);
      },
    });
    const stop = new AbortController();
    const asked = thrown(lead.list({ signal: stop.signal }));
    setTimeout(() => stop.abort(), 100);
    expect(await asked).toMatchObject({ code: 'CANCELLED', message: 'The request was aborted.' });
    const last = thrown(lead.list());
    setTimeout(() => lead.close(), 100);
    expect(await last).toMatchObject({ code: 'CANCELLED', message: 'This agent was closed.' });
  });

  it('keeps its key before it shows the token, and comes back as the same agent', async () => {
    const keys = storeInMemory();
    const given = await token();
    let known = 0;
    const watched: typeof fetch = (...args) => {
      known = keys.kept.size;
      return fetch(...args);
    };
    const first = await connect({ server: site.url, token: given, keys, fetch: watched });
    expect(known).toBe(1);
    const second = await connect({ server: site.url, token: given, keys });
    expect(second.agentId).toBe(first.agentId);
    expect(second.key.id).toBe(first.key.id);
    expect(await thrown(connect({ server: site.url, token: given }))).toMatchObject({
      code: 'TOKEN_USED',
      status: 409,
    });
  });

  it('renews a session that ran out', async () => {
    const lead = await connect({ server: site.url, token: await token({ ttl_seconds: 3 * 3600 }) });
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      vi.setSystemTime(Date.now() + 3_590_000);
      expect((await lead.inspect()).status.phase).toBe('Active');
      vi.setSystemTime(Date.now() + 3_700_000);
      expect((await Promise.all([lead.inspect(), lead.list(), lead.inspect()]))[1]).toHaveLength(1);
      vi.setSystemTime(Date.now() + 4 * 3_600_000);
      expect(await thrown(lead.inspect())).toMatchObject({ code: 'LEASE_EXPIRED' });
    } finally {
      vi.useRealTimers();
    }
  });
});
