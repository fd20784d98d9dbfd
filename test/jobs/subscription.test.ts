/** A job as a resource that clients subscribe to: in both eras, over both transports, and only by who may see it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client as ModernClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as EarlierClient } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { assemble, type Installation } from '../../src/assemble.ts';
import { type Caller, operator } from '../../src/caller.ts';
import { connect as connectAgent } from '../../src/client/index.ts';
import { agentKey, enrolmentProof, freshSeed } from '../../src/client/key.ts';
import { settings } from '../../src/config.ts';
import { watchingOf } from '../../src/edge/mcp/resources.ts';
import { judge } from '../../src/edge/mcp/rpc.ts';
import { connect } from '../../src/edge/mcp/server.ts';
import { remoteSession } from '../../src/edge/remote/session.ts';
import { type Serving, serveInstallation } from '../../src/installation/serving.ts';
import { as } from '../kernel.ts';
import { directory } from '../scratch.ts';
import { AGENTS } from './office.ts';

const OPERATOR = 'an-operator-token-of-the-tests';
const PERMISSIONS = { 'agent.delegate': ['*', '*@*'], 'tool.call': ['**'] };
let here: Installation;
/** Another process of the same authority, as far as the two can tell. */
let there: Installation;
let server: Serving;
let left: string;
let right: string;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  const dataDir = directory();
  const config = join(dataDir, 'config.json');
  writeFileSync(config, JSON.stringify({ agents: AGENTS, job_grace_seconds: 1 }));
  const open = () => assemble(settings({ 'data-dir': dataDir, config }, {}, process.platform));
  here = await open();
  there = await open();
  server = await serveInstallation(here, { host: '127.0.0.1', port: 0, dataDir, given: OPERATOR });
  const root = await call(there, 'aga_create_artifact', { permissions: PERMISSIONS, max_depth: 5 });
  const lead = (sub_agent_id: string) =>
    call(there, 'aga_delegate_to_subagent', {
      parent_artifact_hash: root.artifact_hash,
      sub_agent_id,
      permissions: PERMISSIONS,
      enroll: true,
    });
  left = (await lead('left')).child_artifact_hash;
  right = (await lead('right')).child_artifact_hash;
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await expect.poll(() => watchingOf(here.service).size).toBe(0);
});
afterAll(async () => {
  await server.close();
  await there.close();
  await here.close();
});

const call = async ({ service }: Installation, name: string, input: object, caller = operator()): Promise<any> =>
  service.call(service.tools.get(name)!, input, caller);
/** A job given out by the other process. */
const job = async (input: object, under = left): Promise<{ id: string; uri: string }> => {
  const { job_id: id } = await call(there, 'aga_dispatch_job', { agent: 'worker', input }, as(under));
  return { id, uri: `aga://jobs/${id}` };
};
const said = (count: number) => Array.from({ length: count }, (_, progress) => ({ type: 'progress', progress }));
const slow = { say: said(2), sleep: 60_000 };

/** A client on a connection as stdio has it. */
async function attached<C extends { connect(transport: Transport): Promise<void>; close(): Promise<void> }>(
  client: C,
  session: Parameters<typeof connect>[0]['session'],
): Promise<C> {
  const info = { name: 'test', title: 'Test', version: '1' };
  const transport: Transport = {
    start: async () => {},
    send: async (message) => {
      const judged = judge(Buffer.from(JSON.stringify(message)));
      if (judged.message) connection.receive(judged.message);
    },
    close: async () => transport.onclose?.(),
  };
  const send = (message: object): void =>
    void setImmediate(() => transport.onmessage?.(JSON.parse(JSON.stringify(message))));
  const connection = connect({ session, info, send, report: () => {} });
  closing.push(() => connection.close());
  await client.connect(transport);
  return client;
}

const me = { name: 'test', version: '1' };
const earlier = (caller: Caller) => attached(new EarlierClient(me), () => here.session(caller));
const pinned = () => new ModernClient(me, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
const modern = (caller: Caller): Promise<ModernClient> =>
  attached(pinned() as unknown as EarlierClient, () => here.session(caller)) as unknown as Promise<ModernClient>; // the same methods

/** The URIs that the client is told of, as they come. */
function updates(client: EarlierClient | ModernClient): string[] {
  const seen: string[] = [];
  const heard = async ({ method, params }: { method: string; params?: unknown }): Promise<void> => {
    if (method === 'notifications/resources/updated') seen.push((params as { uri: string }).uri);
  };
  client.fallbackNotificationHandler = heard as typeof client.fallbackNotificationHandler & typeof heard;
  return seen;
}

const read = async (client: EarlierClient | ModernClient, uri: string): Promise<any> => {
  const { contents } = await (client as EarlierClient).readResource({ uri });
  expect(contents[0]).toMatchObject({ uri, mimeType: 'application/json' });
  return JSON.parse((contents[0] as { text: string }).text);
};
const failure = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => undefined,
    ({ code, message, data }) => ({ code, message, data }),
  );
const tick = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a client of the earlier eras', () => {
  it('follows a job of another process to its end, without a gap', async () => {
    const client = await earlier(as(left));
    expect(client.getServerCapabilities()?.resources).toEqual({ subscribe: true, listChanged: true });
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toContain('aga://jobs/{job_id}{?after}');
    const seen = updates(client);
    const { uri } = await job({ say: said(20), sleep: 300, result: 'done' });
    const numbers: number[] = [];
    const follow = async (): Promise<any> => {
      const shown = await read(client, `${uri}?after=${numbers.at(-1) ?? 0}`);
      numbers.push(...shown.events.map(({ event_number }: any) => event_number));
      return shown;
    };
    await client.subscribeResource({ uri });
    await client.subscribeResource({ uri });
    let shown = await follow();
    for (let told = 0; shown.state !== 'success'; told = seen.length) {
      await expect.poll(() => seen.length, { timeout: 5000 }).toBeGreaterThan(told);
      shown = await follow();
    }
    expect(shown.result).toBe('done');
    expect(numbers).toEqual(Array.from({ length: 23 }, (_, at) => at + 1));
    const after = seen.length;
    await tick(500);
    // Subscribed twice, told once; nothing happens after the end.
    expect(seen.length).toBe(after);
    expect(new Set(seen)).toEqual(new Set([uri]));
  });

  it('hears nothing more once it has unsubscribed', async () => {
    const client = await earlier(as(left));
    const seen = updates(client);
    const { id, uri } = await job(slow);
    await client.subscribeResource({ uri });
    await client.unsubscribeResource({ uri });
    await call(there, 'aga_cancel_job', { job_id: id });
    await tick(500);
    expect(seen.filter((each) => each === uri).length).toBeLessThan(2);
    expect(watchingOf(here.service).size).toBe(0);
    await client.unsubscribeResource({ uri });
  });

  it('cannot see or subscribe to what is none of its business; foreign and unknown look the same', async () => {
    const client = await earlier(as(right));
    const { uri, id } = await job(slow);
    const unknown = `aga://jobs/${'0'.repeat(32)}`;
    for (const ask of ['subscribeResource', 'readResource'] as const) {
      const foreign = await failure(client[ask]({ uri }));
      expect(foreign).toMatchObject({ code: -32602, data: { error: { code: 'JOB_NOT_FOUND' } } });
      expect(await failure(client[ask]({ uri: unknown }))).toEqual(foreign);
    }
    for (const wrong of [
      `${uri}/`,
      `${uri}?after=x`,
      `${uri}?after=1&b`,
      'aga://jobs/x',
      'AGA://jobs/x',
      'mem://x',
      '',
    ])
      expect(await failure(client.subscribeResource({ uri: wrong })), wrong).toMatchObject({ code: -32602 });
    expect(watchingOf(here.service).size).toBe(0);
    await call(there, 'aga_cancel_job', { job_id: id });
  });

  it('hears nothing more when its authority has ended', async () => {
    const { child_artifact_hash } = await call(
      there,
      'aga_delegate_to_subagent',
      { sub_agent_id: 'brief', permissions: PERMISSIONS },
      as(left),
    );
    const client = await earlier(as(child_artifact_hash));
    const { uri } = await job(slow, child_artifact_hash);
    await client.subscribeResource({ uri });
    expect(watchingOf(here.service).size).toBe(1);
    await call(there, 'aga_revoke_artifact', { artifact_hash: child_artifact_hash, reason: 'enough' });
    await expect.poll(() => watchingOf(here.service).size).toBe(0);
  });

  it('is told of a new head of the chain, and never of an artifact', async () => {
    const client = await earlier(operator());
    const seen = updates(client);
    await client.subscribeResource({ uri: 'aga://chain/checkpoint' });
    await client.subscribeResource({ uri: `aga://artifacts/${left}` });
    await call(there, 'aga_create_artifact', {});
    await expect.poll(() => seen).toEqual(['aga://chain/checkpoint']);
  });

  it('may subscribe to a thousand resources, and leaves nothing behind when it goes', async () => {
    const client = await earlier(as(left));
    const { uri, id } = await job(slow);
    const many = Array.from({ length: 1000 }, (_, after) => `${uri}?after=${after}`);
    await Promise.all(many.map((each) => client.subscribeResource({ uri: each })));
    expect(await failure(client.subscribeResource({ uri: `${uri}?after=1000` }))).toMatchObject({ code: -32602 });
    expect(watchingOf(here.service).size).toBe(1000);
    await call(there, 'aga_cancel_job', { job_id: id });
  });
});

describe('a client of 2026-07-28', () => {
  it('listens to what it may see, and is told so', async () => {
    const client = await modern(as(left));
    const seen = updates(client);
    const mine = await job(slow);
    const foreign = await job(slow, right);
    const uris = [mine.uri, foreign.uri, 'aga://jobs/x', 'mem://x', mine.uri];
    const listening = await client.listen({ resourceSubscriptions: uris, toolsListChanged: true });
    expect(listening.honoredFilter).toEqual({ resourceSubscriptions: [mine.uri], toolsListChanged: true });
    const again = await client.listen({ resourceSubscriptions: [mine.uri] });
    seen.length = 0;
    for (const { id } of [mine, foreign]) await call(there, 'aga_cancel_job', { job_id: id });
    // Once for each that listens.
    await expect.poll(() => seen.length).toBeGreaterThan(1);
    expect(new Set(seen)).toEqual(new Set([mine.uri]));
    expect(await read(client, mine.uri)).toMatchObject({ state: 'cancelled' });
    await again.close();
    await expect.poll(() => watchingOf(here.service).size).toBe(1);
    await listening.close();
    await expect.poll(() => watchingOf(here.service).size).toBe(0);
  });

  it('does so over HTTP, until its authority ends', async () => {
    const { child_artifact_hash, enrollment } = await call(
      there,
      'aga_delegate_to_subagent',
      { sub_agent_id: 'http', permissions: PERMISSIONS, enroll: true },
      as(left),
    );
    const requestInit = { headers: { authorization: `Bearer ${await sessionToken(enrollment.token)}` } };
    const client = pinned();
    await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', server.url), { requestInit }));
    closing.push(() => client.close());
    const seen = updates(client);
    const mine = await job(slow, child_artifact_hash);
    const foreign = await job(slow, right);
    const listening = await client.listen({ resourceSubscriptions: [mine.uri, foreign.uri] });
    expect(listening.honoredFilter).toEqual({ resourceSubscriptions: [mine.uri] });
    seen.length = 0;
    for (const { id } of [mine, foreign]) await call(there, 'aga_cancel_job', { job_id: id });
    await expect.poll(() => seen.length).toBeGreaterThan(0);
    expect(new Set(seen)).toEqual(new Set([mine.uri]));
    await call(there, 'aga_revoke_artifact', { artifact_hash: child_artifact_hash, reason: 'enough' });
    expect(await listening.closed).toBe('graceful');
  });
});

async function sessionToken(token: string): Promise<string> {
  const key = agentKey(freshSeed());
  const proof = enrolmentProof(/lt-delegate-([0-9a-f]+)/.exec(token)![1]!, key);
  const response = await fetch(`${server.url}/api/v1/agents/enroll`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ enrollmentToken: token, publicKey: key.id, proof }),
  });
  return ((await response.json()) as { sessionToken: string }).sessionToken;
}

it('one caller over HTTP has 64 streams at once, and those of others beside them', async () => {
  const listen = async (authorization: string, signal: AbortSignal): Promise<string> => {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': me,
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const notifications = { resourceSubscriptions: ['aga://chain/checkpoint'] };
    const response = await fetch(`${server.url}/mcp`, {
      method: 'POST',
      signal,
      headers: {
        authorization,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'subscriptions/listen',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 'l',
        method: 'subscriptions/listen',
        params: { notifications, _meta },
      }),
    });
    const { value } = await response.body!.getReader().read();
    return new TextDecoder().decode(value);
  };
  const gone = new AbortController();
  const mine = await Promise.all(Array.from({ length: 64 }, () => listen(`Bearer ${OPERATOR}`, gone.signal)));
  expect(mine.every((each) => each.includes('acknowledged'))).toBe(true);
  expect(await listen(`Bearer ${OPERATOR}`, gone.signal)).toContain('Subscription limit reached');
  const { enrollment } = await call(
    there,
    'aga_delegate_to_subagent',
    { sub_agent_id: 'beside', permissions: PERMISSIONS, enroll: true },
    as(left),
  );
  const other = `Bearer ${await sessionToken(enrollment.token)}`;
  expect(await listen(other, gone.signal)).toContain('acknowledged');
  gone.abort();
  await expect.poll(() => watchingOf(here.service).size).toBe(0);
  const again = new AbortController();
  expect(await listen(`Bearer ${OPERATOR}`, again.signal)).toContain('acknowledged');
  again.abort();
});

it('an earlier client over HTTP, which has no stream to be told on, is promised no subscription', async () => {
  const response = await fetch(`${server.url}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${OPERATOR}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: me },
    }),
  });
  const text = await response.text();
  expect(text).toContain('"resources":{');
  expect(text).not.toContain('"subscribe"');
});

it('a session at another authority follows its jobs there', async () => {
  const { enrollment, child_artifact_hash } = await call(
    there,
    'aga_delegate_to_subagent',
    { sub_agent_id: 'away', permissions: PERMISSIONS, enroll: true },
    as(left),
  );
  const agent = await connectAgent({ server: server.url, token: enrollment.token });
  closing.push(() => agent.close());
  const client = await attached(new EarlierClient(me), () => remoteSession(agent, ''));
  const seen = updates(client);
  const mine = await job(slow, child_artifact_hash);
  const foreign = await job(slow, right);
  await client.subscribeResource({ uri: mine.uri });
  expect(await failure(client.subscribeResource({ uri: foreign.uri }))).toMatchObject({ code: -32602 });
  for (const { id } of [mine, foreign]) await call(there, 'aga_cancel_job', { job_id: id });
  await expect.poll(() => seen.at(-1), { timeout: 3000 }).toBe(mine.uri);
});
