/** The bundled fixture as hosts run it: a child process, its pipes and its end. */
import { Client as Client2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Transport2 } from '@modelcontextprotocol/client/stdio';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { builtFixture, call, type Message, MODERN, Peer } from './fixture.process.ts';

let built: string;
beforeAll(async () => {
  built = await builtFixture();
});

const refused = (message: Message) => JSON.parse(message.result.content[0].text).error;

describe('clients of the field', () => {
  const me = { name: 'test', version: '1' };
  const modes = { legacy: 'legacy', auto: 'auto', pinned: { pin: '2026-07-28' } } as const;
  const command = () => ({ command: process.execPath, args: [built], stderr: 'pipe' as const });

  it('of the v1 line', async () => {
    const client = new Client1(me);
    const transport = new Transport1(command());
    let stderr = '';
    transport.stderr?.on('data', (data) => {
      stderr += data;
    });
    await client.connect(transport);
    expect((await client.callTool({ name: 'noop' })).structuredContent).toEqual({ ok: true });
    await client.close();
    expect(stderr).toBe('stopped\n');
  });

  it.each(Object.entries(modes))('of the v2 line, %s', async (_, mode) => {
    const client = new Client2(me, { versionNegotiation: { mode } });
    const transport = new Transport2(command());
    let stderr = '';
    transport.stderr?.on('data', (data) => {
      stderr += data;
    });
    await client.connect(transport);
    expect((await client.callTool({ name: 'noop' })).structuredContent).toEqual({ ok: true });
    const steps: number[] = [];
    await client.callTool({ name: 'stepwise' }, { onprogress: ({ progress }) => steps.push(progress) });
    expect(steps).toEqual([1, 2, 3]);
    await client.close();
    expect(stderr).toBe('stopped\n');
  });
});

describe('lines', () => {
  it('that are malformed are answered, and the session goes on', async () => {
    const peer = new Peer(built);
    await peer.handshake();
    peer.send('{"jsonrpc":"2.0","id":1,\n', call(1, 'noop'));
    expect((await peer.answer(null)).error.code).toBe(-32700);
    expect((await peer.answer(1)).result.structuredContent).toEqual({ ok: true });

    peer.send(Buffer.from([0xff, 0xfe, 0x0a]), `\n \r\n\n`, call(2, 'noop'));
    expect((await peer.answer(null, 1)).error.code).toBe(-32700);
    await peer.answer(2);

    peer.send(
      [call(3, 'noop')],
      '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"echo","arguments":{"a":1,"a":2}}}\n',
    );
    expect((await peer.answer(null, 2)).error.code).toBe(-32600);
    expect(refused(await peer.answer(4)).code).toBe('INVALID_REQUEST');

    peer.send(
      { ...call(5, 'noop'), params: { name: 'noop', arguments: [1] } },
      { ...call(6, 'x'), params: { name: 7 } },
    );
    expect(refused(await peer.answer(5)).code).toBe('INVALID_REQUEST');
    expect((await peer.answer(6)).error.code).toBe(-32602);
    // Blank lines, and the call inside the batch, were answered nothing.
    expect(peer.received).toHaveLength(9);
    await peer.close();
  });

  it('of more than 10 MiB are forgotten as they come in', async () => {
    const peer = new Peer(built);
    await peer.handshake();
    const chunk = Buffer.alloc(1 << 20, 'x');
    for (let i = 0; i < 40; i++) peer.send(chunk);
    peer.send('\n', call(1, 'noop'));
    expect((await peer.answer(null)).error.code).toBe(-32700);
    await peer.answer(1);
    const text = 'y'.repeat(9 << 20);
    peer.send(call(2, 'echo', { text }));
    expect((await peer.answer(2)).result.structuredContent.arguments.text).toBe(text);
    expect(peer.received).toHaveLength(4);
    await peer.close();
  });

  it('may be cut anywhere, and the last one needs no end', async () => {
    const peer = new Peer(built);
    await peer.handshake();
    const bytes = Buffer.from(`${JSON.stringify(call('ü', 'echo', { text: '→ é' }))}\n`);
    for (const byte of bytes) peer.send(Buffer.from([byte]));
    expect((await peer.answer('ü')).result.structuredContent.arguments.text).toBe('→ é');
    peer.send(JSON.stringify(call(2, 'noop')));
    const { code } = await peer.end(() => peer.child.stdin.end());
    expect(code).toBe(0);
    expect((await peer.answer(2)).result.structuredContent).toEqual({ ok: true });
  });
});

describe('requests', () => {
  it('get what they ask for: unknown names and methods, ids used twice, results as they are', async () => {
    const peer = new Peer(built);
    const { result } = await peer.handshake();
    expect(result).toMatchObject({
      protocolVersion: '2025-11-25',
      serverInfo: { name: 'fixture', title: 'Fixture', version: '1.2.3' },
      capabilities: { tools: { listChanged: true }, resources: { listChanged: true }, prompts: { listChanged: true } },
      instructions: 'Only for tests.',
    });
    peer.send(
      call(1, 'nobody'),
      { jsonrpc: '2.0', id: 2, method: 'no/such' },
      { jsonrpc: '2.0', id: 3, method: 'ping' },
    );
    expect((await peer.answer(1)).error.code).toBe(-32602);
    expect((await peer.answer(2)).error.code).toBe(-32601);
    expect((await peer.answer(3)).result).toEqual({});
    peer.send({ jsonrpc: '2.0', id: 4, method: 'completion/complete', params: {} });
    expect((await peer.answer(4)).error.code).toBe(-32601);

    peer.send(call(5, 'slow', { ms: 60 }), call(5, 'noop'), call(5, 'noop'), call('5', 'noop'));
    await peer.answer(5, 2);
    await peer.answer('5');

    peer.send(call(6, 'odd'));
    expect((await peer.answer(6)).result).toEqual({
      content: [{ type: 'hologram', data: [1] }],
      extra: { deep: null },
    });
    await peer.answer(6);
    peer.send(call(7, 'echo', { a: 1 }, MODERN));
    expect((await peer.answer(7)).result.structuredContent).toMatchObject({ arguments: { a: 1 }, meta: {} });
    await peer.end(() => peer.child.stdin.end());
    expect(peer.stderr).toBe('finished\nstopped\n');
  });

  it('of 2026-07-28 need no handshake, and their results say that they are complete', async () => {
    const peer = new Peer(built);
    peer.send(call(1, 'noop', {}, MODERN), call(2, 'odd', {}, MODERN), call(3, 'refuse', {}, MODERN));
    expect((await peer.answer(1)).result).toMatchObject({ resultType: 'complete', structuredContent: { ok: true } });
    expect((await peer.answer(2)).result).toMatchObject({ resultType: 'complete', content: [{ type: 'hologram' }] });
    expect((await peer.answer(3)).result).toMatchObject({ resultType: 'complete', isError: true });
    peer.send({ jsonrpc: '2.0', id: 4, method: 'resources/read', params: { uri: 'test://two', _meta: MODERN } });
    expect((await peer.answer(4)).error).toMatchObject({ code: -32602, data: { uri: 'test://two' } });
    peer.send(call(5, 'noop'));
    expect((await peer.answer(5)).error.code).toBe(-32602);
    await peer.close();
  });

  it('are cancelled without an answer, and the others go on', async () => {
    const peer = new Peer(built);
    await peer.handshake();
    peer.send(call(1, 'slow', { ms: 10_000 }));
    peer.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1, reason: 'enough' } });
    peer.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 99 } });
    await peer.logged('aborted');
    // The id is free again, and its next owner can be cancelled as well.
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
    peer.send(call(1, 'slow', { ms: 10_000 }), cancelled, call(2, 'noop'));
    await peer.answer(2);
    await peer.until(() => (peer.stderr === 'aborted\naborted\n' ? true : undefined), 'the second abort');
    const { code, ms } = await peer.end(() => peer.child.stdin.end());
    expect(code).toBe(0);
    // Nobody waits for a call that nobody wants.
    expect(ms).toBeLessThan(2_000);
    expect(peer.received.map((m) => m.id)).not.toContain(1);
  });

  it('that fail say so, on the wire without our reasons', async () => {
    const peer = new Peer(built);
    await peer.handshake();
    peer.send(call(1, 'fail'), call(2, 'unserializable'));
    expect(refused(await peer.answer(1)).code).toBe('INTERNAL');
    expect((await peer.answer(2)).error).toEqual({ code: -32603, message: 'Internal error' });
    expect(JSON.stringify(peer.received)).not.toContain('1234');
    await peer.logged('the secret is 1234');
    expect((await peer.end(() => peer.child.stdin.end())).code).toBe(0);
  });

  it('come 64 at a time, again and again, with large answers, without a word on stderr', async () => {
    const peer = new Peer(built);
    await peer.handshake();
    let id = 0;
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 64; i++) peer.send(call(++id, 'big', { bytes: 50_000 }));
      await peer.answer(id);
    }
    for (let i = 1; i <= id; i++) expect((await peer.answer(i)).result.structuredContent.text).toHaveLength(50_000);
    await peer.close();
  });

  it('hear of changed tools only after the handshake', async () => {
    const peer = new Peer(built);
    peer.send({ jsonrpc: '2.0', id: 0, method: 'ping' }, call(1, 'change'));
    await peer.answer(1);
    await peer.handshake();
    peer.send(call(2, 'change'));
    await peer.answer(2);
    const told = () => peer.received.find((m) => m.method === 'notifications/tools/list_changed');
    await peer.until(told, 'list_changed');
    const heard = peer.received.filter((m) => 'method' in m).map(({ method }) => method);
    expect(heard.sort()).toEqual(['prompts', 'resources', 'tools'].map((what) => `notifications/${what}/list_changed`));
    await peer.close();
  });
});

describe.concurrent('the end', () => {
  const idle = async (env?: Record<string, string>) => {
    const peer = new Peer(built, env);
    await peer.handshake();
    return peer;
  };
  const ways: [string, (peer: Peer) => void][] = [
    ['end of stdin', (peer) => void peer.child.stdin.end()],
    ['SIGTERM', (peer) => void peer.child.kill('SIGTERM')],
    ['SIGINT', (peer) => void peer.child.kill('SIGINT')],
    ['SIGHUP', (peer) => void peer.child.kill('SIGHUP')],
  ];

  it.each(ways)('by %s comes at once when nothing runs', async (_, how) => {
    const peer = await idle();
    const { code, ms, stderr } = await peer.end(() => how(peer));
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'stopped\n' });
    expect(ms).toBeLessThan(2_000);
  });

  it.each(ways)('by %s waits for a call of 300 ms', async (_, how) => {
    const peer = await idle();
    peer.send(call(1, 'slow', { ms: 300 }));
    const { code, ms } = await peer.end(() => how(peer));
    expect(code).toBe(0);
    expect(ms).toBeLessThan(2_000);
    expect((await peer.answer(1)).result.structuredContent).toEqual({ ok: true });
  });

  it.each(ways.slice(0, 2))('by %s cuts a call of 10 s, and says so', async (_, how) => {
    const peer = await idle();
    peer.send(call(1, 'slow', { ms: 10_000 }), { ...call(2, 'slow', { ms: 10_000 }) });
    const { code, ms, stderr } = await peer.end(() => how(peer));
    expect(code).toBe(0);
    expect(ms).toBeLessThan(2_000);
    expect(refused(await peer.answer(1)).code).toBe('CANCELLED');
    expect(refused(await peer.answer(2)).code).toBe('CANCELLED');
    expect(stderr).toContain('aborted\naborted\n');
    expect(stderr).toContain('stopped');
  });

  it.each(ways.slice(1, 2))('by %s still takes what was written before it', async (_, how) => {
    const peer = await idle();
    peer.send(call(1, 'noop'));
    expect((await peer.end(() => how(peer))).code).toBe(0);
    expect((await peer.answer(1)).result.structuredContent).toEqual({ ok: true });
  });

  it('does not wait longer than that for what is to be closed', async () => {
    const peer = await idle({ FIXTURE_STOP_MS: '10000' });
    const { code, ms } = await peer.end(() => void peer.child.stdin.end());
    expect(code).toBe(0);
    expect(ms).toBeLessThan(2_000);
  });

  it('answers what a probe or a subscription is owed', async () => {
    const peer = new Peer(built);
    const params = { notifications: { toolsListChanged: true }, _meta: MODERN };
    peer.send({ jsonrpc: '2.0', id: 1, method: 'server/discover', params: { _meta: MODERN } });
    peer.send({ jsonrpc: '2.0', id: 2, method: 'subscriptions/listen', params });
    const { code, ms } = await peer.end(() => void peer.child.stdin.end());
    expect(code).toBe(0);
    expect(ms).toBeLessThan(2_000);
    expect((await peer.answer(1)).result.supportedVersions).toEqual(['2026-07-28']);
    expect((await peer.answer(2)).result).toMatchObject({ resultType: 'complete' });
  });

  it('comes when stdout is closed, even if nothing is to be written', async () => {
    const quiet = await idle();
    const { code, ms, stderr } = await quiet.end(() => void quiet.child.stdout.destroy());
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'stopped\n' });
    expect(ms).toBeLessThan(2_000);

    const busy = await idle();
    busy.send(call(1, 'slow', { ms: 10_000 }));
    busy.child.stdout.destroy();
    const ended = await busy.end(() => busy.send(call(2, 'noop')));
    expect(ended.code).toBe(0);
    expect(ended.ms).toBeLessThan(1_000);
  });

  it('lets a slow reader have all of the answers', async () => {
    const peer = new Peer(built);
    peer.child.stdout.pause();
    for (let id = 1; id <= 20; id++) peer.send(call(id, 'big', { bytes: 100_000 }));
    const ended = peer.end(() => void peer.child.stdin.end());
    setTimeout(() => peer.child.stdout.resume(), 300);
    expect((await ended).code).toBe(0);
    for (let id = 1; id <= 20; id++)
      expect((await peer.answer(id)).result.structuredContent.text).toHaveLength(100_000);
  });
});
