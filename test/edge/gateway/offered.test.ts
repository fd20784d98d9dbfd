/** Prompts and resources of upstreams on their way: who wants them no more, or may have them no more, ends them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
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
