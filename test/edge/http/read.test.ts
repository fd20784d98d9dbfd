import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Refusal } from '../../../src/base/refusal.ts';
import { openCheckpoint } from '../../../src/chain/checkpoint.ts';
import type { Store } from '../../../src/ports.ts';
import type { Witnesses } from '../../../src/witness/desk.ts';
import { kernel } from '../../kernel.ts';
import { FaultyStore } from '../../store/faulty.ts';
import { MemoryStore } from '../../store/memory.ts';
import { type Authority, authority, type Enrolled, OPERATOR, raw, running } from './fixture.ts';

let site: Authority;
let lead: Enrolled;
beforeAll(async () => {
  site = await authority();
  lead = await site.coordinator();
});
afterAll(() => site.close());

interface Event {
  readonly id: number;
  readonly entry: any;
}

/** An open event stream; `next` waits for the first event that fits. */
async function follow(token: string, headers: object = {}, query = '') {
  const gone = new AbortController();
  const response = await fetch(`${site.url}/api/v1/chain/events${query}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    signal: gone.signal,
  });
  const events: Event[] = [];
  let ended = false;
  const reading = (async () => {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) {
      text += decoder.decode(chunk, { stream: true });
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const [, id, data] = /^id: (\d+)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
        if (data !== undefined) events.push({ id: Number(id), entry: JSON.parse(data) });
        text = text.slice(end + 2);
      }
    }
  })().catch(() => undefined);
  void reading.then(() => {
    ended = true;
  });
  const until = async (fits: () => boolean) => {
    for (let tries = 0; !fits(); tries++) {
      if (tries > 300) throw new Error(`waited in vain; got ${events.length} events`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  return {
    response,
    events,
    next: async (fits: (event: Event) => boolean) => {
      await until(() => events.some(fits));
      return events.find(fits)!;
    },
    end: () => until(() => ended),
    stop: () => gone.abort(),
  };
}

const isAbout = (name: string) => (event: Event) => event.entry.event.sub_agent_id === name;
const mint = (by: Enrolled, subAgentName: string) =>
  site.send('POST', `/api/v1/agents/${by.id}/delegate`, { subAgentName }, by.session);

describe('the stream of the chain', () => {
  it('shows every entry in order to the operator, and to an agent those of its subtree', async () => {
    const other = await site.coordinator();
    const [all, own] = await Promise.all([follow(OPERATOR), follow(lead.session)]);
    expect(all.response.headers.get('content-type')).toBe('text/event-stream');
    await mint(other, 'theirs');
    await mint(lead, 'ours');
    await all.next(isAbout('ours'));
    await own.next(isAbout('ours'));
    expect(all.events.map(({ id }) => id)).toEqual(all.events.map((_, at) => at));
    expect(all.events.some(isAbout('theirs'))).toBe(true);
    expect(own.events.some(isAbout('theirs'))).toBe(false);
    expect(own.events.every(({ entry }) => JSON.stringify(entry).includes(lead.hash))).toBe(true);
    for (const { id, entry } of all.events) expect(entry.sequence_number).toBe(id);
    const page = await site.send('GET', '/api/v1/chain?limit=500', undefined, OPERATOR);
    expect(all.events.map(({ entry }) => entry)).toEqual(page.json.entries.slice(0, all.events.length));
    all.stop();
    own.stop();
  });

  it('resumes behind the last event that was seen', async () => {
    const first = await follow(OPERATOR);
    const { id } = await first.next(({ id }) => id === 2);
    first.stop();
    const second = await follow(OPERATOR, { 'last-event-id': String(id) });
    await second.next((event) => event.id === id + 1);
    expect(second.events[0]?.id).toBe(id + 1);
    second.stop();
    const third = await follow(OPERATOR, {}, '?after=3');
    expect((await third.next(() => true)).id).toBe(4);
    third.stop();
    for (const bad of ['x', '-2', '1.5', '99999999999999999999']) {
      const { status } = await site.send('GET', '/api/v1/chain/events', undefined, OPERATOR, { 'last-event-id': bad });
      expect(status).toBe(400);
    }
  });

  it('behind an entry that is not there costs no other stream anything', async () => {
    const ahead = await follow(OPERATOR, { 'last-event-id': '99999999' });
    const own = await follow(OPERATOR);
    await own.next(() => true);
    const reads = vi.spyOn(site.kernel.service, 'read');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(reads.mock.calls.length).toBeLessThan(10);
    reads.mockRestore();
    await mint(lead, 'afterwards');
    await own.next(isAbout('afterwards'));
    expect(ahead.events).toEqual([]);
    ahead.stop();
    own.stop();
  });

  it('ends when the authority of its caller ends', async () => {
    const own = await site.coordinator();
    const stream = await follow(own.session);
    await stream.next(() => true);
    await site.send('DELETE', `/api/v1/agents/${own.id}`, undefined, OPERATOR);
    await stream.end();
    expect((await site.send('GET', '/api/v1/chain/events', undefined, own.session)).status).toBe(403);
  });

  it('holds a thousand streams open', async () => {
    const streams = await Promise.all(Array.from({ length: 1000 }, () => follow(lead.session, {}, '?after=1000')));
    const metrics = await site.send('GET', '/metrics');
    expect(Number(/^aga_streams_open (\d+)$/m.exec(metrics.text)?.[1])).toBeGreaterThanOrEqual(1000);
    const busy = await mint(lead, 'meanwhile');
    expect(busy.status).toBe(200);
    for (const stream of streams) stream.stop();
  });
});

describe('the chain', () => {
  it('is read page by page, as the tool answers', async () => {
    const page = await site.send('GET', '/api/v1/chain?limit=2&after=0', undefined, OPERATOR);
    expect(page.json.entries.map((entry: any) => entry.sequence_number)).toEqual([1, 2]);
    expect(page.json.next).toBe(2);
    const kinds = await site.send(
      'GET',
      `/api/v1/chain?kind=ENROLLMENT&artifact_hash=${lead.hash}`,
      undefined,
      lead.session,
    );
    expect(kinds.json.entries).toHaveLength(1);
    const foreign = await site.send('GET', `/api/v1/chain?artifact_hash=${lead.root}`, undefined, lead.session);
    expect([foreign.status, foreign.json.error.code]).toEqual([404, 'ARTIFACT_NOT_FOUND']);
    for (const query of [
      'limit=0',
      'limit=x',
      'limit=501',
      'after=1.5',
      'kind=NONE',
      'other=1',
      'limit=1&limit=2',
      'artifact_hash=xyz',
    ]) {
      const { status, json } = await site.send('GET', `/api/v1/chain?${query}`, undefined, OPERATOR);
      expect([query, status, json.error.code]).toEqual([query, 400, 'INVALID_REQUEST']);
    }
  });

  it('has a signed head that anybody may read', async () => {
    const { text, headers } = await site.send('GET', '/checkpoint');
    const { json } = await site.send('GET', '/api/v1/chain?limit=1', undefined, OPERATOR);
    expect(headers.get('content-type')).toMatch(/^text\/plain/);
    expect(openCheckpoint(text, json.head.verifier_key)?.size).toBe(json.head.size);
    expect((await site.send('HEAD', '/checkpoint')).text).toBe('');
  });

  it('is followed with GET alone: HEAD ends with its headers', async () => {
    const { status, text, headers } = await site.send('HEAD', '/api/v1/chain/events', undefined, OPERATOR);
    expect([status, text, headers.get('content-type')]).toEqual([200, '', 'text/event-stream']);
    expect((await site.send('HEAD', '/api/v1/chain/events')).status).toBe(401);
  });

  it('is read behind every number that is one', async () => {
    for (const [after, status] of [
      [Number.MAX_SAFE_INTEGER, 200],
      ['9007199254740993', 400],
    ])
      for (const path of ['/api/v1/chain', '/api/v1/chain/events']) {
        const method = path.endsWith('events') ? 'HEAD' : 'GET';
        const reply = await site.send(method, `${path}?after=${after}`, undefined, OPERATOR);
        expect([path, after, reply.status]).toEqual([path, after, status]);
      }
  });

  it('gets a DECISION for each question, also a refused one', async () => {
    const ask = (body: object) => site.send('POST', '/api/v1/authorize', body, lead.session);
    await ask({ capability: 'tool.call', resource: 'search/web', arguments: { q: 'secret words' } });
    await ask({ capability: 'tool.call', resource: 'search//web' });
    const { json } = await site.send('GET', '/api/v1/chain?kind=DECISION', undefined, lead.session);
    expect(json.entries.at(-2).event).toMatchObject({
      verdict: 'permit',
      code: null,
      binding: 'bearer',
      tool: 'search/web',
    });
    expect(json.entries.at(-1).event).toMatchObject({ verdict: 'refuse', code: 'INVALID_REQUEST' });
    expect(JSON.stringify(json)).not.toContain('secret words');
    const long = await ask({ capability: 'tool.call', resource: `a/${'b'.repeat(2000)}` });
    expect(long.status).toBe(400);
  });
});

describe('for machines', () => {
  it('is described, with every route and every tool', async () => {
    const { json } = await site.send('GET', '/openapi.json');
    expect(json.openapi).toBe('3.1.0');
    for (const name of site.kernel.service.tools.keys()) {
      const operation = json.paths[`/api/v1/tools/${name}`].post;
      expect(operation.requestBody.content['application/json'].schema.type).toBe('object');
    }
    expect(Object.keys(json.paths)).toEqual(
      expect.arrayContaining([
        '/api/v1/agents/{id}/delegate',
        '/api/v1/agents/enroll',
        '/api/v1/authorize',
        '/api/v1/chain/events',
        '/mcp',
        '/openapi.json',
      ]),
    );
  });

  it('is described as it answers: each route that anybody may read, the streams, and MCP', async () => {
    const { json } = await site.send('GET', '/openapi.json');
    const types = (path: string, method = 'get') => Object.keys(json.paths[path][method].responses[200].content ?? {});
    const open = Object.entries<any>(json.paths).filter(([, { get }]) => get?.security.length === 0);
    expect(open.map(([path]) => path)).toContain('/healthz');
    for (const [path] of open) {
      const { headers, status } = await site.send('GET', path);
      if (status === 200) expect([path, types(path)]).toEqual([path, [headers.get('content-type')?.split(';')[0]]]);
    }
    expect(types('/api/v1/chain/events')).toEqual(['text/event-stream']);
    expect(types('/api/v1/jobs/{id}/events')).toEqual(['text/event-stream']);
    expect(types('/mcp', 'post')).toEqual(['application/json', 'text/event-stream']);
    for (const [path, methods] of Object.entries<any>(json.paths))
      for (const [method] of Object.entries(methods))
        expect([path, types(path, method).length > 0]).toEqual([path, true]);
    // A message of JSON-RPC is an object, and what is only told is taken without an answer.
    const { responses, security } = json.paths['/mcp'].post;
    expect(responses[200].content['application/json'].schema).not.toHaveProperty('type', 'string');
    expect(responses[200].content['text/event-stream'].schema).toEqual({ type: 'string' });
    const told = { jsonrpc: '2.0', method: 'notifications/initialized' };
    const { status, text } = await site.send('POST', '/mcp', told, lead.session);
    expect([status, text, Object.keys(responses[202])]).toEqual([202, '', ['description']]);
    expect(security).toEqual([{ bearer: [] }]);
    for (const path of ['/api/v1/artifacts', '/api/v1/authorize'])
      expect(json.paths[path].post.security).toEqual([{ bearer: [] }, { dpop: [] }]);
    expect(Object.keys(json.components.securitySchemes)).toEqual(['bearer', 'dpop']);
  });

  it('counts what it does', async () => {
    const { text, headers } = await site.send('GET', '/metrics');
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0.0.4/);
    expect(text).toMatch(/^aga_http_requests_total\{route="\/api\/v1\/agents\/enroll",status="200"\} \d+$/m);
    expect(text).toMatch(/^aga_chain_entries \d+$/m);
    expect(text.endsWith('\n')).toBe(true);
    expect((await site.send('GET', '/healthz')).json.status).toBe('ok');
  });
});

describe('MCP', () => {
  const connect = async (token: string) => {
    const client = new Client({ name: 'test', version: '1' });
    const transport = new StreamableHTTPClientTransport(new URL(`${site.url}/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    });
    await client.connect(transport as Parameters<typeof client.connect>[0]);
    return client;
  };

  it('serves an agent its own subtree', async () => {
    const client = await connect(lead.session);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('aga_delegate_to_subagent');
    const result: any = await client.callTool({
      name: 'aga_delegate_to_subagent',
      arguments: { sub_agent_id: 'by-mcp', enroll: true },
    });
    expect(result.structuredContent).toMatchObject({ success: true, parent_artifact_hash: lead.hash });
    expect(JSON.stringify(result.structuredContent.enrollment.launch)).toContain(
      result.structuredContent.enrollment.token,
    );
    expect(JSON.stringify(result.structuredContent.enrollment.launch)).toContain(`"AGA_URL":"${site.url}"`);
    const no: any = await client.callTool({ name: 'aga_create_artifact', arguments: {} });
    expect(JSON.parse(no.content[0].text).error.code).toBe('NOT_OPERATOR');
    await client.close();
  });

  it('asks for a bearer and for strict JSON', async () => {
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };
    const accept = { accept: 'application/json, text/event-stream' };
    expect((await site.send('POST', '/mcp', call, undefined, accept)).status).toBe(401);
    expect((await site.send('POST', '/mcp', call, 'x', accept)).status).toBe(401);
    const twice = '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"x"}';
    expect((await site.send('POST', '/mcp', twice, lead.session, accept)).status).toBe(400);
    expect((await site.send('POST', '/mcp', call, lead.session, accept)).status).toBe(200);
    for (const [accept, status] of [
      ['*/*', 200],
      ['application/json, */*;q=0.5', 200],
      ['application/json', 406],
      ['text/html', 406],
    ] as const)
      expect([accept, (await site.send('POST', '/mcp', call, lead.session, { accept })).status]).toEqual([
        accept,
        status,
      ]);
    expect(site.reports.splice(0)).toEqual(Array(2).fill(expect.stringContaining('Not Acceptable')));
    const json = ['Host', new URL(site.url).host, 'Content-Type', 'application/json'];
    const silent = await raw(
      `${site.url}/mcp`,
      'POST',
      [...json, 'Authorization', `Bearer ${lead.session}`],
      JSON.stringify(call),
    );
    expect(silent.status).toBe(200);
  });
});

it('reported no fault of our own', () => {
  expect(site.reports).toEqual([]);
});

const WITNESS = { name: 'witness.example', cosigned: 3 };

describe('an authority whose store is away', () => {
  it('still gives its numbers, without those that it cannot know', async () => {
    const store = new FaultyStore(new MemoryStore());
    const book = { list: async () => (await store.read({ after: -1, limit: 1 })).rows.map(() => WITNESS) } as object;
    const site = await authority({ store, witnesses: book as Witnesses });
    await site.coordinator();
    store.unreadable = new Refusal('CHAIN_CONTENDED', 'The database is away.');
    expect((await site.send('GET', '/healthz')).status).toBe(503);
    const { status, text } = await site.send('GET', '/metrics');
    expect([status, text]).toEqual([200, expect.not.stringContaining('aga_chain_entries')]);
    expect(text).toContain('aga_http_requests_total{route="/healthz",status="503"} 1\n');
    store.unreadable = undefined;
    const back = (await site.send('GET', '/metrics')).text;
    expect(back).toMatch(/^aga_chain_entries 4$/m);
    expect(back).toContain('aga_witness_entries{witness="witness.example"} 3');
    await site.close();
  });
});

describe('an authority that cannot write', () => {
  it('is not healthy until it has written again, or a minute is over', async () => {
    const store = new FaultyStore(new MemoryStore());
    const clock = running();
    const site = await authority({ store, clock });
    const write = async () => (await site.send('POST', '/api/v1/tools/aga_create_artifact', {}, OPERATOR)).status;
    const health = async () => {
      const { status, json } = await site.send('GET', '/healthz');
      return status === 200 ? json.status : [status, json.error.code, json.error.message];
    };
    expect([await write(), await health()]).toEqual([200, 'ok']);
    // Whoever waits for a lock is not unwell.
    store.unwritable = new Refusal('CHAIN_CONTENDED', 'Another process kept the chain locked for too long.');
    expect([await write(), await health()]).toEqual([503, 'ok']);
    store.unwritable = new Refusal('INTERNAL', 'The disk is full, nothing was written.');
    const full = [500, 'INTERNAL', 'The disk is full, nothing was written.'];
    expect([await write(), await health(), await health()]).toEqual([500, full, full]);
    // What is only asked still is answered, and says nothing of the disk.
    expect((await site.send('GET', '/api/v1/agents', undefined, OPERATOR)).status).toBe(200);
    expect(await health()).toEqual(full);
    store.unwritable = undefined;
    expect([await write(), await health()]).toEqual([200, 'ok']);
    store.unwritable = new Refusal('INTERNAL', 'The disk is full, nothing was written.');
    expect([await write(), await health()]).toEqual([500, full]);
    // Nobody sends work to who is unwell: without a try, nobody would ever know that it is over.
    clock.ahead += 61_000;
    expect([await health(), await write(), await health()]).toEqual(['ok', 500, full]);
    await site.close();
  });
});

describe('an authority whose store has lost what was seen', () => {
  it('is not healthy, passes no head on, and says why once, not with every round', async () => {
    let holds: Store = new MemoryStore();
    const forgetful = new Proxy({} as Store, {
      get:
        (_, member: keyof Store) =>
        (...given: never[]) =>
          (holds[member] as (...args: never[]) => unknown)(...given),
    });
    const clock = running();
    const lost = await authority({ store: forgetful, clock });
    const ask = async (path: string) => (await lost.send('GET', path, undefined, OPERATOR)).status;
    await lost.coordinator();
    expect(await Promise.all(['/healthz', '/checkpoint', '/api/v1/agents'].map(ask))).toEqual([200, 200, 200]);
    holds = new MemoryStore();
    await kernel({ store: holds, clock }).service.begin();
    for (const path of ['/healthz', '/checkpoint', '/api/v1/agents', '/api/v1/chain'])
      expect([path, await ask(path)]).toEqual([path, 500]);
    expect((await lost.send('GET', '/healthz')).json.error.code).toBe('CHAIN_BROKEN');
    // Whoever watches the numbers sees them fall.
    expect((await lost.send('GET', '/metrics')).text).toMatch(/^aga_chain_entries 1$/m);
    await new Promise((resolve) => setTimeout(resolve, 4500));
    expect(lost.reports).toMatchObject([{ code: 'CHAIN_BROKEN' }]);
    await lost.close();
  });
});
