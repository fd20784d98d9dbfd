/** Sessions: who may do what, what an end ends, and that nobody meets anybody else. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { operator } from '../../../src/caller.ts';
import type { StdioConfig } from '../../../src/edge/gateway/config.ts';
import type { ToolResult } from '../../../src/edge/mcp/session.ts';
import { directory } from '../../scratch.ts';
import { agent, errorOf, listChanges, type World, world } from './host.ts';
import { hostile, textOf, until } from './upstreams.ts';

const open: World[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

function host(upstreams: { readonly [name: string]: StdioConfig } = { h: hostile() }, listWait = 5_000): World {
  const made = world({ upstreams, listWait });
  made.law.grant('all', { permissions: { 'tool.call': ['**'] } });
  open.push(made);
  return made;
}

function logFile(): string {
  const log = join(directory(), 'log');
  writeFileSync(log, '');
  return log;
}

describe('an operator', () => {
  it('has nothing upstream before it creates a root, then what that permits', async () => {
    const at = host();
    const client = await at.client(operator());
    const changes = listChanges(client);
    const names = async () => (await client.listTools()).tools.map(({ name }) => name);
    expect(await names()).toEqual(['root']);
    expect(errorOf(await client.callTool({ name: 'h__echo', arguments: {} })).code).toBe('NO_ARTIFACT');
    expect(at.law.entries).toMatchObject([{ artifact: null, code: 'NO_ARTIFACT', tool: 'h/echo' }]);
    at.law.grant('narrow', { permissions: { 'tool.call': ['h/echo'] } });
    await client.callTool({ name: 'root', arguments: { artifact: 'narrow' } });
    await until(() => changes() === 1);
    expect(await names()).toEqual(['root', 'h__echo']);
    await client.callTool({ name: 'root', arguments: { artifact: 'all' } });
    expect((await names()).length).toBeGreaterThan(10);
  });

  it('is judged for what it had when it called, as the call was prepared: not under the root that comes meanwhile', async () => {
    const at = host();
    const caller = operator();
    const session = at.session(caller);
    const called = session.callTool(callOf('h__echo'));
    caller.session.lastRoot = 'all';
    expect(errorOf(await called).code).toBe('NO_ARTIFACT');
  });
});

describe('a suspension that is lifted while a call is on its way', () => {
  it('lets nothing out that was not prepared, whenever that is', async () => {
    const at = world({ upstreams: { h: hostile() }, maps: { h: { echo: { '/path': ['fs.read'] } } } });
    open.push(at);
    const scope = { permissions: { 'tool.call': ['**'], 'fs.read': ['/ws/**'] } };
    const seen = new Set<string>();
    for (let turns = 0; turns < 12; turns += 1) {
      const name = `a${turns}`;
      at.law.grant(name, scope);
      at.law.revoke(name);
      const called = at.session(agent(name)).callTool(callOf('h__echo', { path: '/etc/passwd' }));
      for (let turn = 0; turn < turns; turn += 1) await null;
      at.law.grant(name, scope);
      seen.add(errorOf(await called).code);
    }
    expect(seen).toContain('UPSTREAM_FAILED');
  });
});

describe('a decision', () => {
  it('is durable before the upstream hears of the call', async () => {
    const log = logFile();
    const at = host({ h: hostile({ HOSTILE_LOG: log }) });
    const session = at.session(agent('all'));
    let commit: (() => void) | undefined;
    at.law.durable = () =>
      new Promise((resolve) => {
        commit = resolve;
      });
    const calling = session.callTool(callOf('h__echo'));
    await until(() => commit !== undefined, 10_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(readFileSync(log, 'utf8')).not.toContain('echo');
    commit?.();
    await calling;
    expect(readFileSync(log, 'utf8')).toContain('echo');
  });

  it('that could not be written lets nothing through', async () => {
    const log = logFile();
    const at = host({ h: hostile({ HOSTILE_LOG: log }) });
    at.law.durable = () => Promise.reject(new Error('the disk is full'));
    await expect(at.session(agent('all')).callTool(callOf('h__echo'))).rejects.toThrow('the disk is full');
    expect(readFileSync(log, 'utf8')).not.toContain('echo');
  });

  it('is made of every call, and a server is not started for who may not use it', async () => {
    const log = logFile();
    const at = host({ h: hostile({ HOSTILE_LOG: log }) });
    at.law.grant('none', { permissions: { 'tool.call': ['other/*'] } });
    const client = await at.client(agent('none'));
    expect((await client.listTools()).tools).toHaveLength(1);
    expect(errorOf(await client.callTool({ name: 'h__echo', arguments: {} })).code).toBe('PERMISSION_DENIED');
    expect(errorOf(await client.callTool({ name: 'h__no_such_tool' })).code).toBe('PERMISSION_DENIED');
    expect(at.law.entries.map(({ code, tool }) => [code, tool])).toEqual([
      ['PERMISSION_DENIED', 'h/echo'],
      ['PERMISSION_DENIED', 'h/no_such_tool'],
    ]);
    expect(readFileSync(log, 'utf8')).toBe('');
    const all = await at.client(agent('all'));
    expect(errorOf(await all.callTool({ name: 'h__no_such_tool' })).code).toBe('PERMISSION_DENIED');
    await expect(all.callTool({ name: 'nobody__echo' })).rejects.toThrow('unknown tool');
  });

  it('is made where the upstream answers with an error who asks for its tools', async () => {
    const client = await host({ h: hostile({ HOSTILE: 'listless' }) }).client(agent('all'));
    expect(errorOf(await client.callTool({ name: 'h__echo', arguments: {} })).code).toBe('UPSTREAM_FAILED');
    expect(open.at(-1)!.law.entries).toMatchObject([{ code: 'UPSTREAM_FAILED', tool: 'h/echo' }]);
  });

  it('names the tool that was meant, whatever its name is here', async () => {
    const at = host();
    const client = await at.client(agent('all'));
    const { tools } = await client.listTools();
    const odd = tools.find(({ name }) => name.startsWith('h__oddname_'))!;
    const long = tools.find(({ name }) => name.startsWith('h__xxx'))!;
    expect([odd.name, long.name].every((name) => /^[a-zA-Z0-9_-]{1,64}$/.test(name))).toBe(true);
    expect(textOf((await client.callTool({ name: odd.name, arguments: {} })) as ToolResult)).toBe('called odd/name');
    await client.callTool({ name: long.name, arguments: {} });
    expect(at.law.entries.map(({ tool }) => tool)).toEqual(['h/odd/name', `h/${'x'.repeat(80)}`]);
    at.law.grant('narrow', { permissions: { 'tool.call': ['h/odd/name'] } });
    const narrow = await at.client(agent('narrow'));
    expect((await narrow.listTools()).tools.map(({ name }) => name)).toEqual(['root', odd.name]);
    expect((await narrow.callTool({ name: odd.name, arguments: {} })).isError).toBeUndefined();
    expect(errorOf(await narrow.callTool({ name: long.name, arguments: {} })).code).toBe('PERMISSION_DENIED');
  });
});

const callOf = (name: string, given: { readonly [member: string]: string | number } = {}) => ({
  name,
  arguments: given,
  meta: {},
  requestId: 1,
  signal: new AbortController().signal,
  progress: () => {},
});

describe('a revocation', () => {
  it('ends what runs, empties the list, and leaves one answer', { retry: 2 }, async () => {
    const log = logFile();
    const at = host({ h: hostile({ HOSTILE_LOG: log }) });
    const client = await at.client(agent('all'));
    await client.listTools();
    const changes = listChanges(client);
    const running = [1, 2, 3].map(() => client.callTool({ name: 'h__hang', arguments: {} }));
    await until(() => readFileSync(log, 'utf8').split('hang').length === 4);
    const began = performance.now();
    at.law.revoke('all');
    for (const result of await Promise.all(running)) expect(errorOf(result).code).toBe('ARTIFACT_REVOKED');
    expect(performance.now() - began).toBeLessThan(1_000);
    await until(() => readFileSync(log, 'utf8').split('cancelled').length === 4);
    await until(() => changes() === 1);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['root']);
    for (const name of ['h__echo', 'h__no_such_tool']) {
      expect(errorOf(await client.callTool({ name, arguments: {} })).code).toBe('ARTIFACT_REVOKED');
    }
    expect(at.law.entries.slice(-2)).toMatchObject([{ code: 'ARTIFACT_REVOKED' }, { code: 'ARTIFACT_REVOKED' }]);
  });

  it('between the decision and the call lets nothing through', async () => {
    const log = logFile();
    const at = host({ h: hostile({ HOSTILE_LOG: log }) });
    at.law.durable = async () => {
      at.law.durable = async () => {};
      setTimeout(() => at.law.revoke('all'));
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    const result = await at.session(agent('all')).callTool(callOf('h__hang'));
    expect(errorOf(result).code).toBe('ARTIFACT_REVOKED');
  });

  it('ends a call that still waits for its upstream', async () => {
    const at = host({ mute: hostile({ HOSTILE: 'mute' }) });
    const calling = at.session(agent('all')).callTool(callOf('mute__echo'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    at.law.revoke('all');
    const began = performance.now();
    expect(errorOf(await calling).code).toBe('ARTIFACT_REVOKED');
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(at.law.entries).toMatchObject([{ code: 'ARTIFACT_REVOKED' }]);
  });

  it('of one leaves others alone', async () => {
    const at = host();
    at.law.grant('other', { permissions: { 'tool.call': ['**'] } });
    const [one, other] = [await at.client(agent('all')), await at.client(agent('other'))];
    const held = other.callTool({ name: 'h__hold', arguments: {} });
    const hanging = one.callTool({ name: 'h__hang', arguments: {} });
    await until(() => at.law.entries.length === 2);
    at.law.revoke('all');
    expect(errorOf(await hanging).code).toBe('ARTIFACT_REVOKED');
    await other.callTool({ name: 'h__release', arguments: {} });
    expect(textOf((await held) as ToolResult)).toBe('held');
  });
});

describe('sessions', () => {
  it('that use the same id at the same time get their own answers', async () => {
    const at = host();
    const sessions = Array.from({ length: 8 }, () => at.raw(agent('all')));
    for (const [n, { send }] of sessions.entries()) {
      for (let id = 0; id < 10; id++) {
        send(
          JSON.stringify({
            jsonrpc: '2.0',
            id,
            method: 'tools/call',
            params: { name: 'h__echo', arguments: { n, id } },
          }),
        );
      }
    }
    for (const [n, { received }] of sessions.entries()) {
      await expect.poll(() => received.length).toBe(11);
      for (const { id, result } of received.filter(({ id }) => id !== 'init')) {
        expect(textOf(result as ToolResult)).toBe(JSON.stringify({ n, id }));
      }
    }
    expect(at.law.entries).toHaveLength(80);
  });

  it('that repeat an id are served and recorded each time', async () => {
    const at = host();
    const { send, received } = at.raw(agent('all'));
    for (const n of [1, 2, 3])
      send(
        JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'h__echo', arguments: { n } } }),
      );
    await expect.poll(() => received.filter(({ id }) => id === 1)).toHaveLength(3);
    const texts = received.filter(({ id }) => id === 1).map(({ result }) => textOf(result as ToolResult));
    expect(texts.sort()).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
    expect(at.law.entries.map(({ requestId }) => requestId)).toEqual([1, 1, 1]);
  });

  it('can cancel only their own calls', async () => {
    const log = logFile();
    const at = host({ h: hostile({ HOSTILE_LOG: log }) });
    const [one, other] = [at.raw(agent('all')), at.raw(agent('all'))];
    one.send('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"h__hold","arguments":{}}}');
    await until(() => readFileSync(log, 'utf8').includes('hold'));
    other.send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
    other.send('{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"h__release","arguments":{}}}');
    await expect
      .poll(() => one.received.find(({ id }) => id === 1)?.result)
      .toMatchObject({ content: [{ text: 'held' }] });
    expect(readFileSync(log, 'utf8')).not.toContain('cancelled');
  });
});

describe('an upstream in trouble', () => {
  it('keeps neither a list nor another upstream waiting', { retry: 2 }, async () => {
    const at = host({ h: hostile(), mute: hostile({ HOSTILE: 'mute' }), dead: hostile({ HOSTILE: 'dead' }) }, 1_500);
    const client = await at.client(agent('all'));
    const began = performance.now();
    const { tools } = await client.listTools();
    expect(tools.some(({ name }) => name === 'h__echo')).toBe(true);
    const first = performance.now() - began;
    expect(first).toBeLessThan(2_500);
    await client.listTools();
    expect(performance.now() - began - first).toBeLessThan(500);
    expect(errorOf(await client.callTool({ name: 'dead__echo', arguments: {} }))).toMatchObject({
      code: 'UPSTREAM_FAILED',
      retryable: true,
    });
    expect(at.law.entries).toMatchObject([{ code: 'UPSTREAM_FAILED', tool: 'dead/echo' }]);
  });

  it('that starts slowly is listed when it is there, and hosts are told', async () => {
    const client = await host({ h: hostile({ HOSTILE: 'late' }) }, 100).client(agent('all'));
    const changes = listChanges(client);
    expect((await client.listTools()).tools).toHaveLength(1);
    await until(() => changes() === 1);
    expect((await client.listTools()).tools.length).toBeGreaterThan(10);
  });

  it('that is slow to list is not asked again for ever by a host that asks when it is told to', async () => {
    const log = logFile();
    const at = host({ h: hostile({ HOSTILE: 'slow', HOSTILE_LOG: log }) }, 100);
    at.law.grant('reader', { permissions: { 'tool.call': ['**'], 'mcp.resource': ['h'] } });
    const client = await at.client(agent('reader'));
    client.fallbackNotificationHandler = async ({ method }) => {
      if (method === 'notifications/resources/list_changed') await client.listResources();
    };
    await client.listResources();
    await new Promise((resolve) => setTimeout(resolve, 3_500));
    const listed = readFileSync(log, 'utf8').split('listed').length - 1;
    expect(listed).toBeGreaterThan(0);
    expect(listed).toBeLessThan(3);
  });

  it('answers one caller with a refusal while it serves the others', async () => {
    const at = host({ h: hostile(), n: hostile() });
    const client = await at.client(agent('all'));
    const call = (name: string, args = {}) => client.callTool({ name, arguments: args });
    await call('n__echo');
    for (const [name, args] of [
      ['h__big', { bytes: 20_000_000 }],
      ['h__malformed', {}],
      ['h__die', {}],
    ] as const) {
      const [bad, good] = await Promise.all([call(name, args), call('n__echo', { n: 1 })]);
      expect(errorOf(bad)).toMatchObject({ code: 'UPSTREAM_FAILED', retryable: true });
      expect(textOf(good as ToolResult)).toBe('{"n":1}');
    }
  });

  it('that changes its tools is heard of by every session', async () => {
    const at = host();
    const clients = [await at.client(agent('all')), await at.client(agent('all'))];
    for (const client of clients) await client.listTools();
    const changes = clients.map(listChanges);
    await clients[0]!.callTool({ name: 'h__grow', arguments: {} });
    await until(() => changes.every((count) => count() === 1));
    const { tools } = await clients[1]!.listTools();
    expect(tools.some(({ name }) => name === 'h__grown')).toBe(true);
  });
});
