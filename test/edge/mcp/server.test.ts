/** The MCP edge in one process, asked by the clients of both SDK lines in every era. */
import { Client as Client2 } from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/server';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { judge } from '../../../src/edge/mcp/rpc.ts';
import { type Connection, connect } from '../../../src/edge/mcp/server.ts';
import { fixture } from './fixture.ts';

const info = { name: 'fixture', title: 'Fixture', version: '1.2.3' };
const me = { name: 'test', version: '1' };
const pinned = { mode: { pin: '2026-07-28' } } as const;

type Changed = (what: 'tools' | 'resources' | 'prompts') => unknown;

const hearing = (onChanged: Changed) => ({
  tools: { autoRefresh: false, onChanged: () => onChanged('tools') },
  resources: { autoRefresh: false, onChanged: () => onChanged('resources') },
  prompts: { autoRefresh: false, onChanged: () => onChanged('prompts') },
});

const clients = {
  'client of the v1 line': (onChanged: Changed) => new Client1(me, { listChanged: hearing(onChanged) }),
  'v2 client, legacy': (onChanged: Changed) =>
    new Client2(me, {
      versionNegotiation: { mode: 'legacy' },
      listChanged: hearing(onChanged),
    }),
  'v2 client, auto': (onChanged: Changed) =>
    new Client2(me, {
      versionNegotiation: { mode: 'auto' },
      listChanged: hearing(onChanged),
    }),
  'v2 client, pinned to 2026-07-28': (onChanged: Changed) =>
    new Client2(me, { versionNegotiation: pinned, listChanged: hearing(onChanged) }),
};

const reported: unknown[] = [];
const logged: string[] = [];
const open: Connection[] = [];
afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close();
  reported.length = 0;
  logged.length = 0;
});

/** What a test needs of either client: their types have no common ancestor. */
type AnyClient = Pick<Client2, 'listTools' | 'callTool' | 'listResources' | 'readResource' | 'getPrompt' | 'close'> &
  Pick<Client2, 'listPrompts' | 'listResourceTemplates' | 'getServerVersion' | 'getInstructions'>;

async function connected(client: Client1 | Client2): Promise<{ client: AnyClient; change(): void }> {
  const [near, far] = InMemoryTransport.createLinkedPair();
  const sessions: ReturnType<typeof fixture>[] = [];
  const connection = connect({
    session: () => {
      const session = fixture((line) => logged.push(line));
      sessions.push(session);
      return session;
    },
    info,
    report: (error) => reported.push(error),
    // The client may have gone before us.
    send: (message) => void far.send(message as never).catch(() => {}),
  });
  open.push(connection);
  far.onmessage = (message) => {
    const judged = judge(Buffer.from(JSON.stringify(message)));
    if (judged.message !== undefined) connection.receive(judged.message);
  };
  await far.start();
  await client.connect(near as never);
  return { client: client as unknown as AnyClient, change: () => sessions.at(-1)!.change() };
}

describe.each(Object.entries(clients))('%s', (_, make) => {
  it('sees who serves, and every list', async () => {
    const { client } = await connected(make(() => {}));
    expect(client.getServerVersion()).toMatchObject(info);
    expect(client.getInstructions()).toBe('Only for tests.');
    expect((await client.listTools()).tools[0]).toMatchObject({ name: 'noop', inputSchema: { type: 'object' } });
    expect((await client.listResources()).resources).toMatchObject([{ uri: 'test://one' }]);
    expect((await client.listResourceTemplates()).resourceTemplates).toMatchObject([{ uriTemplate: 'test://{name}' }]);
    expect((await client.listPrompts()).prompts).toMatchObject([{ name: 'hello' }]);
  });

  it('has arguments and its own _meta handed over as they are', async () => {
    const { client } = await connected(make(() => {}));
    const args = { list: [1, null, { deep: 'x' }], constructor: 1, toString: 'no' };
    const { structuredContent } = await client.callTool({
      name: 'echo',
      arguments: args,
      _meta: { 'org.example/k': [1] },
    });
    expect(structuredContent).toMatchObject({ arguments: args, meta: { 'org.example/k': [1] } });
    expect((await client.callTool({ name: 'echo' })).structuredContent).toMatchObject({ arguments: null });
  });

  it('reads a refusal as a result, and nothing of our faults', async () => {
    const { client } = await connected(make(() => {}));
    const refused = await client.callTool({ name: 'refuse', arguments: {} });
    expect(refused).toMatchObject({ isError: true });
    expect(textOf(refused)).toEqual({
      error: {
        code: 'PERMISSION_DENIED',
        message: 'Not covered.',
        hint: expect.any(String),
        retryable: false,
        detail: { excess: [] },
      },
    });
    expect(reported).toEqual([]);

    const failed = await client.callTool({ name: 'fail', arguments: {} });
    expect(textOf(failed)).toMatchObject({ error: { code: 'INTERNAL' } });
    expect(JSON.stringify(failed)).not.toContain('secret');
    expect(reported).toEqual([new TypeError('the secret is 1234')]);
  });

  it('gets protocol errors for names that nobody has', async () => {
    const { client } = await connected(make(() => {}));
    await expect(client.callTool({ name: 'nobody', arguments: {} })).rejects.toMatchObject({ code: -32602 });
    await expect(client.callTool({ name: 'constructor', arguments: {} })).rejects.toMatchObject({ code: -32602 });
    await expect(client.getPrompt({ name: 'nobody' })).rejects.toMatchObject({ code: -32602 });
    await expect(client.readResource({ uri: 'test://two' })).rejects.toMatchObject({
      code: -32602,
      data: { uri: 'test://two' },
    });
    await expect(client.listTools({ cursor: 'x' })).rejects.toMatchObject({ code: -32602 });
    expect(reported).toEqual([]);
  });

  it('reads resources and prompts, and their refusals', async () => {
    const { client } = await connected(make(() => {}));
    expect((await client.readResource({ uri: 'test://one' })).contents).toEqual([
      { uri: 'test://one', mimeType: 'text/plain', text: 'content' },
    ]);
    expect((await client.getPrompt({ name: 'hello', arguments: { who: 'you' } })).messages[0]).toMatchObject({
      content: { text: 'Hello you' },
    });
    await expect(client.readResource({ uri: 'test://denied' })).rejects.toMatchObject({
      code: -32602,
      data: { error: { code: 'ARTIFACT_REVOKED' } },
    });
    const broken = await client.readResource({ uri: 'test://broken' }).catch((error: unknown) => error);
    expect(broken).toMatchObject({ code: -32603, data: { error: { code: 'INTERNAL' } } });
    expect(String(broken)).not.toContain('secret');
  });

  it('hears all progress, in order, before the result', async () => {
    const { client } = await connected(make(() => {}));
    const steps: number[] = [];
    await callWith(client, { name: 'stepwise' }, { onprogress: ({ progress }) => steps.push(progress) });
    expect(steps).toEqual([1, 2, 3]);
    // Without being asked for, none is sent.
    await client.callTool({ name: 'stepwise', arguments: {} });
    expect(reported).toEqual([]);
  });

  it('cancels what it no longer wants', async () => {
    const { client } = await connected(make(() => {}));
    const abort = new AbortController();
    const call = callWith(client, { name: 'slow', arguments: { ms: 150 } }, { signal: abort.signal });
    setTimeout(() => abort.abort('enough'), 20);
    await expect(call).rejects.toThrow();
    // The tool itself goes on, and says so.
    await vi.waitFor(() => expect(logged[0]).toBe('aborted'), { interval: 5 });
    expect((await client.callTool({ name: 'noop' })).structuredContent).toEqual({ ok: true });
  });

  it('is told when the lists changed', async () => {
    const heard = new Set<string>();
    let all = (): void => {};
    // The clients wait for a while before they tell; a machine that stands still may take longer than anybody would wait.
    const told = new Promise<void>((resolve) => {
      all = resolve;
    });
    const { client, change } = await connected(make((what) => heard.add(what).size === 3 && all()));
    await client.listTools();
    for (let i = 0; i < 3; i++) change();
    await told;
    await client.close();
  });
});

interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onprogress?: (update: { progress: number }) => void;
}

/** The two lines take the options in different places. */
function callWith(client: AnyClient, params: { name: string; arguments?: object }, options: CallOptions) {
  const call = client.callTool.bind(client) as (...args: unknown[]) => Promise<unknown>;
  return client instanceof Client1 ? call(params, undefined, options) : call(params, options);
}

function textOf(result: { content?: unknown }): unknown {
  const [first] = result.content as { text: string }[];
  return JSON.parse(first!.text);
}
