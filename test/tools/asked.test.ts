/** A question about a call is answered as the gateway would answer the call: by its map, its price, and its true name. */
import { describe, expect, it } from 'vitest';
import { actsAsked } from '../../src/edge/gateway/maps.ts';
import { pricesOf } from '../../src/edge/gateway/pricing.ts';
import { kernel, POLICY, refusal } from '../kernel.ts';

const MAPS = {
  fs: { read: { '/path': 'fs.read' }, get: { '/url': 'net.fetch' }, list: { '/paths/*': 'fs.read' } },
} as const;
const price = pricesOf({ 'free/echo': { per_call: 'USD:0.30' } });
const behind = {
  servers: new Set(['fs', 'free']),
  touched: actsAsked(MAPS),
  price: (tool: string) => price(tool),
};
const world = () => kernel({ policy: { ...POLICY, behind } });

const SCOPE = {
  'tool.call': ['fs/*', 'free/*', 'other/*'],
  'fs.read': ['/ws/**'],
  'net.fetch': ['https://example.com/**'],
  'cost.budget': ['USD:0.50'],
};
const READ = { capability: 'tool.call', resource: 'fs/read' };

describe('a question about a call', () => {
  it.each([
    ['fs/read', { path: '/ws/a' }, null],
    ['fs/read', { path: '/etc/passwd' }, 'PERMISSION_DENIED'],
    ['fs/read', { path: '/ws/../etc' }, 'PERMISSION_DENIED'],
    ['fs/read', {}, 'INVALID_REQUEST'],
    ['fs/read', undefined, null],
    ['fs/list', { paths: ['/ws/a', '/b'] }, 'PERMISSION_DENIED'],
    ['fs/get', { url: 'HTTPS://EXAMPLE.com:443/a/../b' }, null],
    ['fs/get', { url: 'https://example.com.evil/' }, 'PERMISSION_DENIED'],
    ['fs/list', { paths: Array.from({ length: 1_000 }, (_, i) => `/ws/${i}`) }, null],
    ['fs/list', { paths: Array.from({ length: 50_000 }, () => '/ws/a') }, null],
    ['fs/list', { paths: Array.from({ length: 1_001 }, (_, i) => `/ws/${i}`) }, 'INVALID_REQUEST'],
    ['fs/unmapped', {}, 'PERMISSION_DENIED'],
    ['other/read', { path: '/etc/passwd' }, null],
    ['free/echo', {}, null],
    ['none/echo', {}, 'PERMISSION_DENIED'],
  ])('is answered by the map: %s', async (resource, given, code) => {
    const { call } = world();
    await call('aga_create_artifact', { permissions: SCOPE });
    const question = { capability: 'tool.call', resource, ...(given && { arguments: given }) };
    expect(await call('aga_check_permission', question)).toMatchObject({ allowed: code === null, code });
  });

  it('names what is permitted of the capability that is lacking', async () => {
    const { call } = world();
    await call('aga_create_artifact', { permissions: SCOPE });
    expect(await call('aga_check_permission', { ...READ, arguments: { path: '/etc/passwd' } })).toMatchObject({
      nearest_allowed: ['/ws/**'],
      refused_by: { depth: 0 },
    });
  });

  it('is no where the call could not be paid', async () => {
    const { call } = world();
    await call('aga_create_artifact', { permissions: SCOPE });
    await call('aga_spend', { action: 'reserve', amounts: ['USD:0.30'] });
    const question = { capability: 'tool.call', resource: 'free/echo' };
    expect(await call('aga_check_permission', question)).toMatchObject({ allowed: false, code: 'BUDGET_EXHAUSTED' });
  });
});

describe('a tool named as it is listed', () => {
  it.each([
    ['aga_create_artifact', { permitted_tools: ['fs__read'] }],
    ['aga_create_artifact', { permissions: { 'tool.call': ['fs__read'] } }],
    ['aga_delegate_to_subagent', { permitted_tools: ['free/echo', 'fs__*'] }],
    ['aga_delegate_to_subagent', { argument_rules: [{ tool: 'fs__read', arguments: { path: { under: '/ws' } } }] }],
    ['aga_check_permission', { ...READ, resource: 'fs__read' }],
  ])('is refused by %s with the name that is meant: %j', async (tool, input) => {
    const { call } = world();
    await call('aga_create_artifact', {});
    const no = await refusal(call(tool, input));
    expect(no.code).toBe('INVALID_REQUEST');
    expect(no.message).toMatch(/is how the tool is listed; here it is called "fs\//);
  });

  it('is a name as any other where no server of ours has that name', async () => {
    const { call } = world();
    await call('aga_create_artifact', { permitted_tools: ['mcp__github__issue', 'fs/a__b', 'f__s'] });
  });
});
