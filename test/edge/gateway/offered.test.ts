/** Prompts and resources of upstreams on their way: who wants them no more, or may have them no more, ends them. */
import { readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/base/refusal.ts';
import { operator } from '../../../src/caller.ts';
import { directory } from '../../scratch.ts';
import { agent, type World, world } from './host.ts';
import { hostile, NODE, until } from './upstreams.ts';

let at: World | undefined;
afterEach(() => at?.close());

const RESULTS = {
  said: { resultType: 'complete', messages: [], _meta: { a: 1 } },
  'mem://marked': { contents: [{ uri: 'mem://marked', text: 'x', _meta: { a: 1 } }], _meta: { b: 2 }, extra: { c: 3 } },
  'mem://public': {
    resultType: 'complete',
    contents: [{ uri: 'mem://public', text: 'x' }],
    ttlMs: 60_000,
    cacheScope: 'public',
  },
};

/** Lists one prompt and one resource, gives neither, and notes what it hears. Gives what else it lists. */
const SLOW = `
const results = ${JSON.stringify(RESULTS)};
const answers = {
  initialize: { protocolVersion: '2025-06-18', capabilities: { prompts: {}, resources: {} }, serverInfo: { name: 'slow', version: '1' } },
  'prompts/list': { prompts: [{ name: 'hang' }, { name: 'said' }] },
  'resources/list': { resources: ['mem://hang', 'mem://marked', 'mem://public'].map((uri) => ({ uri, name: uri })) },
  'resources/templates/list': { resourceTemplates: [] },
};
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  require('node:fs').appendFileSync(process.env.LOG, method + '\\n');
  const result = answers[method] ?? results[params?.uri ?? params?.name];
  if (result) console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
});`;

const ASKS = {
  'prompts/get': { name: 'slow__hang', arguments: {} },
  'resources/read': { uri: 'mem://hang' },
} as const;
const methods = ['prompts/get', 'resources/read'] as const;

function open(): { readonly heard: () => string; readonly world: World } {
  const log = join(directory(), 'log');
  writeFileSync(log, '');
  const slow = { command: NODE, args: ['-e', SLOW], env: { LOG: log }, timeout: 60_000 };
  at = world({ upstreams: { slow, mute: hostile({ HOSTILE: 'mute' }) }, listWait: 60_000 });
  at.law.grant('all', { permissions: { 'mcp.prompt': ['**'], 'mcp.resource': ['slow'] } });
  at.law.grant('mute', { permissions: { 'mcp.prompt': ['**'], 'mcp.resource': ['mute'] } });
  return { heard: () => readFileSync(log, 'utf8'), world: at };
}

/** Fetches by a tool and by a prompt of the same name, and says what it was asked for. */
const FETCH = `
const answers = {
  initialize: { protocolVersion: '2025-06-18', capabilities: { prompts: {}, tools: {} }, serverInfo: { name: 'fetch', version: '1' } },
  'prompts/list': { prompts: [{ name: 'get' }, { name: 'other' }] },
  'tools/list': { tools: [{ name: 'get', inputSchema: { type: 'object' } }] },
};
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  const result = answers[method] ?? { messages: [{ role: 'user', content: { type: 'text', text: JSON.stringify(params?.arguments) } }] };
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
});`;

describe.each([
  ['in a map', { fetch: { get: { '/url': 'net.fetch' } } }],
  ['in no map', {}],
] as const)('a prompt with the name of a tool that is %s', (_, maps) => {
  const url = { url: 'https://example.com/**' };
  const ask = async (scope: object, name: string, args: object) => {
    const fetch = { command: NODE, args: ['-e', FETCH], timeout: 60_000 };
    await at?.close();
    at = world({ upstreams: { fetch }, maps });
    const everything = { 'tool.call': ['**'], 'mcp.prompt': ['**'], 'net.fetch': ['**'], 'fs.read': ['/**'] };
    at.law.grant('root', { permissions: everything });
    at.law.grant('a', { permissions: everything, ...scope }, 'root');
    const answer = await at
      .session(agent('a'))
      .getPrompt(`fetch__${name}`, args as Record<string, string>)
      .catch(({ code }) => code);
    return typeof answer === 'string' ? answer : JSON.parse(answer.messages[0].content.text);
  };

  it('is bound by the argument rules of the tool', async () => {
    const ruled = { argument_rules: [{ tool: 'fetch/g*', arguments: { url } }] };
    expect(await ask(ruled, 'get', { url: 'HTTPS://example.com' })).toEqual({ url: 'https://example.com/' });
    expect(await ask(ruled, 'get', { url: 'https://evil.example/' })).toBe('PERMISSION_DENIED');
    expect(await ask(ruled, 'get', { url: 'https://example.com/', more: 'x' })).toBe('INVALID_REQUEST');
    const noTool = { ...ruled, permissions: { 'mcp.prompt': ['**'], 'net.fetch': ['**'] } };
    expect(await ask(noTool, 'get', { url: 'https://example.com/' })).toBe('PERMISSION_DENIED');
  });

  it('is judged by its name alone where no rule binds the tool, as one that no tool is called like', async () => {
    const others = [{ tool: 'fetch/put', arguments: { url } }];
    expect(await ask({ argument_rules: others }, 'get', { url: 'https://b.example/' })).toEqual({
      url: 'https://b.example/',
    });
    const all = [{ tool: 'fetch/*', arguments: { url } }];
    expect(await ask({ argument_rules: all }, 'other', { any: 'x' })).toEqual({ any: 'x' });
  });

  it('has nothing of a root that its operator creates meanwhile, whenever that is', async () => {
    at = world({ upstreams: { fetch: { command: NODE, args: ['-e', FETCH], timeout: 60_000 } }, maps });
    const may = { 'tool.call': ['**'], 'mcp.prompt': ['**'], 'net.fetch': ['https://example.com/**'] };
    at.law.grant('root', { permissions: may, argument_rules: [{ tool: 'fetch/get', arguments: { url } }] });
    for (let turns = 0; turns < 12; turns += 1) {
      const caller = operator();
      const asked = at.session(caller).getPrompt('fetch__get', { url: 'https://evil.example/' });
      for (let turn = 0; turn < turns; turn += 1) await null;
      caller.session.lastRoot = 'root';
      await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/NO_ARTIFACT|PERMISSION_DENIED/) });
    }
  });

  it('is not given to whoever was suspended when it was asked for, whenever that is lifted', async () => {
    at = world({ upstreams: { fetch: { command: NODE, args: ['-e', FETCH], timeout: 60_000 } }, maps });
    const may = { 'tool.call': ['**'], 'mcp.prompt': ['**'], 'net.fetch': ['https://example.com/**'] };
    const scope = { permissions: may, argument_rules: [{ tool: 'fetch/get', arguments: { url } }] };
    for (let turns = 0; turns < 12; turns += 1) {
      at.law.grant('a', scope);
      at.law.revoke('a');
      const asked = at.session(agent('a')).getPrompt('fetch__get', { url: 'https://evil.example/' });
      for (let turn = 0; turn < turns; turn += 1) await null;
      at.law.grant('a', scope);
      await expect(asked).rejects.toBeInstanceOf(Refusal);
    }
  });

  it('goes where its path leads', async () => {
    const folder = realpathSync(directory());
    symlinkSync('/etc', join(folder, 'link'));
    const ruled = {
      argument_rules: [{ tool: 'fetch/get', arguments: { url: { any: true }, path: { under: folder } } }],
    };
    const args = (path: string) => ({ url: 'https://b.example/', path: join(folder, path) });
    expect(await ask(ruled, 'get', args('link/passwd'))).toBe('PERMISSION_DENIED');
    expect(await ask(ruled, 'get', args('other'))).toEqual(args('other'));
  });
});

describe.each(['earlier', 'modern'] as const)('a client of the %s era', (era) => {
  it.each(methods)('cancels %s upstream', async (method) => {
    const { heard, world } = open();
    const client = await world.client(agent('all'), era);
    const abort = new AbortController();
    const { signal } = abort;
    const asked =
      method === 'prompts/get'
        ? client.getPrompt(ASKS[method], { signal })
        : client.readResource(ASKS[method], { signal });
    await until(() => heard().includes(method));
    abort.abort();
    await expect(asked).rejects.toThrow();
    await until(() => heard().includes('notifications/cancelled'));
  });
});

it.each(methods)('%s ends with the artifact', async (method) => {
  const { heard, world } = open();
  const { send, received } = world.raw(agent('all'));
  send(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: ASKS[method] }));
  await until(() => heard().includes(method));
  world.law.revoke('all');
  await until(() => received.some(({ id }) => id === 1), 1_000);
  const answer = received.find(({ id }) => id === 1);
  expect(answer).toMatchObject({ error: { data: { error: { code: 'ARTIFACT_REVOKED' } } } });
  await until(() => heard().includes('notifications/cancelled'));
});

it.each([
  ['prompts/get', { name: 'mute__any', arguments: {} }, ['ARTIFACT_REVOKED']],
  // Whose resource it is was not known yet.
  ['resources/read', { uri: 'mem://hang' }, []],
] as const)('%s ends with the artifact while its upstream starts', async (method, params, codes) => {
  const { world } = open();
  const { send, received } = world.raw(agent('mute'));
  send(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(received.some(({ id }) => id === 1)).toBe(false);
  world.law.revoke('mute');
  await until(() => received.some(({ id }) => id === 1), 1_000);
  const answer = received.find(({ id }) => id === 1);
  expect(answer).toMatchObject({ error: { data: { error: { code: 'ARTIFACT_REVOKED' } } } });
  expect(world.law.entries.map(({ code }) => code)).toEqual(codes);
});

it.each(['earlier', 'modern'] as const)('resources reach a client of the %s era as they come', async (era) => {
  const { world } = open();
  const client = await world.client(agent('all'), era);
  expect(await client.readResource({ uri: 'mem://marked' })).toMatchObject(RESULTS['mem://marked']);
});

it.each(['{'.repeat(200_000), `${'{}'.repeat(100_000)}!`, `{${'}'.repeat(200_000)}`, 'x{a'.repeat(70_000)])(
  'resources are looked for in time, whatever a template looks like: %.8s…',
  async (uriTemplate) => {
    const answers = {
      initialize: {
        protocolVersion: '2025-06-18',
        capabilities: { resources: {} },
        serverInfo: { name: 'x', version: '1' },
      },
      'resources/list': { resources: [] },
    };
    const code = `
const answers = ${JSON.stringify(answers)};
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line);
  const result = answers[method] ?? { resourceTemplates: [{ uriTemplate: require('node:fs').readFileSync(process.env.TEMPLATE, 'utf8'), name: 'x' }] };
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
});`;
    const file = join(directory(), 'template');
    writeFileSync(file, uriTemplate);
    at = world({
      upstreams: { long: { command: NODE, args: ['-e', code], env: { TEMPLATE: file }, timeout: 10_000 } },
    });
    at.law.grant('all', { permissions: { 'mcp.resource': ['*'] } });
    const session = at.session(agent('all'));
    await session.listResourceTemplates();
    const began = performance.now();
    expect(await session.readResource('mem://any')).toBeUndefined();
    expect(performance.now() - began).toBeLessThan(2_000);
  },
);

it.each([
  ['prompts/get', { name: 'slow__said' }],
  ['resources/read', { uri: 'mem://public' }],
])('%s is decided under the id of its request', async (method, params) => {
  const { world } = open();
  const { send, received } = world.raw(agent('all'));
  send(JSON.stringify({ jsonrpc: '2.0', id: 'mine', method, params }));
  await until(() => received.some(({ id }) => id === 'mine'));
  expect(world.law.entries).toMatchObject([{ requestId: 'mine', code: null }]);
});

describe('of two servers', () => {
  const serving = (name: string, resources: readonly string[], templates: readonly string[]) => {
    const lists = {
      initialize: {
        protocolVersion: '2025-06-18',
        capabilities: { resources: {} },
        serverInfo: { name, version: '1' },
      },
      'resources/list': { resources: resources.map((uri) => ({ uri, name })) },
      'resources/templates/list': { resourceTemplates: templates.map((uriTemplate) => ({ uriTemplate, name })) },
    };
    const code = `
const lists = ${JSON.stringify(lists)};
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  const result = lists[method] ?? { contents: [{ uri: params?.uri, text: ${JSON.stringify(name)} }] };
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
});`;
    return { command: NODE, args: ['-e', code], timeout: 60_000 };
  };
  const both = () => {
    at = world({
      upstreams: {
        first: serving('first', ['mem://both'], ['{+any}']),
        second: serving('second', ['mem://both', 'mem://second'], ['{+any}']),
      },
    });
    at.law.grant('all', { permissions: { 'mcp.resource': ['*'] } });
    return at.session(agent('all'));
  };

  it('the first that lists a resource has it, and the first with a template what nobody lists', async () => {
    const session = both();
    const from = async (uri: string) => (await session.readResource(uri))?.contents[0]?.text;
    expect([await from('mem://both'), await from('mem://second'), await from('mem://other')]).toEqual([
      'first',
      'second',
      'first',
    ]);
  });

  it('what no permitted one has is a refusal on the chain where the other may have it, and nobody is started for it', async () => {
    both();
    at!.law.grant('first', { permissions: { 'mcp.resource': ['first'] } });
    at!.law.grant('none', { permissions: { 'tool.call': ['**'] } });
    expect(await at!.session(agent('none')).readResource('mem://second')).toBeUndefined();
    expect(at!.gateway.servers.map(({ upstream }) => upstream.isOpen)).toEqual([false, false]);
    expect((await at!.session(agent('first')).readResource('mem://second'))?.contents[0]?.text).toBe('first');
    const entries = [{ capability: 'mcp.resource', code: 'PERMISSION_DENIED' }, { code: null }];
    expect(at!.law.entries).toMatchObject(entries);
  });

  it('an ended artifact is told so, whatever it wants to read', async () => {
    both();
    at!.law.grant('ended', { permissions: { 'tool.call': ['**'] } });
    at!.law.revoke('ended');
    await expect(at!.session(agent('ended')).readResource('mem://both')).rejects.toMatchObject({
      code: 'ARTIFACT_REVOKED',
    });
  });

  it('nothing is listed twice', async () => {
    const session = both();
    expect((await session.listResources()).map(({ uri, name }) => [uri, name])).toEqual([
      ['aga://own', 'own'],
      ['mem://both', 'first'],
      ['mem://second', 'second'],
    ]);
    expect((await session.listResourceTemplates()).map(({ name }) => name)).toEqual(['first']);
  });
});

it('resources are for one caller, whatever their upstream says of everybody', async () => {
  const { world } = open();
  const result = await world.session(agent('all')).readResource('mem://public');
  expect(result).toEqual({ ...RESULTS['mem://public'], cacheScope: 'private' });
});

it.each([
  ['prompts/get', { name: 'slow__said' }],
  ['resources/read', { uri: 'mem://public' }],
])('%s has no member of 2026-07-28 for a host of before', async (method, params) => {
  const { world } = open();
  const { send, received } = world.raw(agent('all'));
  send(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  await until(() => received.some(({ id }) => id === 1));
  const { result } = received.find(({ id }) => id === 1) ?? {};
  expect(result).toBeDefined();
  expect(result).not.toHaveProperty('resultType');
});
