/** The law behind the gateway: what is asked of an upstream before a verdict ends with the artifact, too. */
import { afterEach, describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/base/refusal.ts';
import { parseConfig } from '../../../src/config/file.ts';
import { gatewayOf } from '../../../src/edge/gateway/gatekeeper.ts';
import { gatewaySession } from '../../../src/edge/gateway/gateway-session.ts';
import { governedSession } from '../../../src/edge/mcp/governed.ts';
import { Enforcement } from '../../../src/service/enforcement.ts';
import { Lookout } from '../../../src/service/lookout.ts';
import { as, kernel } from '../../kernel.ts';
import { MemoryStore } from '../../store/memory.ts';
import { NODE } from './upstreams.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Has a prompt and a resource, and tools that it never lists: measuring them takes for ever. */
const COY = `
const answers = {
  initialize: { protocolVersion: '2025-06-18', capabilities: { prompts: {}, resources: {}, tools: {} }, serverInfo: { name: 'coy', version: '1' } },
  'prompts/list': { prompts: [{ name: 'say' }] },
  'resources/list': { resources: [{ uri: 'mem://say', name: 'say' }] },
  'resources/templates/list': { resourceTemplates: [] },
  'prompts/get': { messages: [] },
  'resources/read': { contents: [] },
};
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line);
  if (answers[method]) console.log(JSON.stringify({ jsonrpc: '2.0', id, result: answers[method] }));
});`;

it('measuring an upstream ends with the artifact, and is recorded as that', { retry: 2 }, async () => {
  const k = kernel();
  const coy = { command: NODE, args: ['-e', COY] };
  const config = parseConfig(JSON.stringify({ upstreams: { coy } }), 'test');
  const lookout = new Lookout(k.service);
  const { gateway, decider } = gatewayOf(config, {
    service: k.service,
    enforcement: new Enforcement(k.service, 3),
    lookout,
  });
  closing.push(
    () => gateway.close(),
    () => lookout.close(),
  );
  await k.call('aga_create_artifact', { measurement_types: ['CONFIG_MANIFEST'] });
  const { child_artifact_hash: child } = await k.call('aga_delegate_to_subagent', {
    permissions: { 'mcp.prompt': ['**'], 'mcp.resource': ['**'] },
  });
  const caller = as(child);
  const session = gatewaySession(governedSession(k.service, caller), { gateway, decider, caller });
  const asked = Promise.allSettled([session.getPrompt('coy__say', {}), session.readResource('mem://say')]);
  const early = await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 1_000, 'waits'))]);
  expect(early).toBe('waits');
  const began = performance.now();
  await k.call('aga_revoke_artifact', { artifact_hash: child, reason: 'stop' });
  const ended = { status: 'rejected', reason: { code: 'ARTIFACT_REVOKED' } };
  expect(await asked).toMatchObject([ended, ended]);
  expect(performance.now() - began).toBeLessThan(1_000);
  const { entries } = await k.call('aga_query_chain', { kind: 'DECISION' });
  const verdicts = entries.map(({ event }: { event: Record<string, unknown> }) => [event.capability, event.code]);
  expect(verdicts.sort()).toEqual([
    ['mcp.prompt', 'ARTIFACT_REVOKED'],
    ['mcp.resource', 'ARTIFACT_REVOKED'],
  ]);
});

/** Answers each call and each prompt with what it was asked for. */
const READER = `
const answers = {
  initialize: { protocolVersion: '2025-06-18', capabilities: { prompts: {}, tools: {} }, serverInfo: { name: 'reader', version: '1' } },
  'prompts/list': { prompts: [{ name: 'read' }] },
  'tools/list': { tools: [{ name: 'read', inputSchema: { type: 'object' } }] },
};
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  const text = JSON.stringify(params?.arguments);
  const result = answers[method] ?? { content: [{ type: 'text', text }], messages: [{ role: 'user', content: { type: 'text', text } }] };
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
});`;

describe.each(['call', 'prompt'] as const)('a %s that nobody could prepare', (form) => {
  async function reader(store = new MemoryStore()) {
    const k = kernel({ store });
    const upstreams = { files: { command: NODE, args: ['-e', READER] } };
    const maps = { files: { read: { '/path': 'fs.read' } } };
    const lookout = new Lookout(k.service);
    const enforcement = new Enforcement(k.service, 3);
    const config = parseConfig(JSON.stringify({ upstreams, maps }), 'test');
    const { gateway, decider } = gatewayOf(config, { service: k.service, enforcement, lookout });
    closing.push(
      () => gateway.close(),
      () => lookout.close(),
    );
    await k.call('aga_create_artifact', { enforcement_triggers: ['QUARANTINE'] });
    const { child_artifact_hash: child } = await k.call('aga_delegate_to_subagent', {
      permissions: { 'tool.call': ['**'], 'mcp.prompt': ['**'], 'fs.read': ['/ws/**'] },
    });
    const caller = as(child);
    const session = gatewaySession(governedSession(k.service, caller), { gateway, decider, caller });
    const { signal } = new AbortController();
    /** What the upstream was asked for, or why it was not. */
    const read = async (path: string): Promise<string> => {
      const request = { name: 'files__read', arguments: { path }, meta: {}, requestId: 1, signal, progress: () => {} };
      try {
        if (form === 'prompt') return JSON.stringify(await session.getPrompt(request.name, { path }));
        const { isError, content } = await session.callTool(request);
        const text = String(content[0]?.text);
        return isError ? JSON.parse(text).error.code : text;
      } catch (error) {
        return Refusal.from(error).code;
      }
    };
    return { k, child, enforcement, read };
  }

  it('while its artifact was suspended has nothing of it when it is resumed, whenever that is', async () => {
    const { k, child, enforcement, read } = await reader();
    for (let turns = 0; turns < 12; turns += 1) {
      await enforcement.fire(child, 'test');
      const asked = read('/etc/passwd');
      for (let turn = 0; turn < turns; turn += 1) await null;
      await enforcement.resume(k.operator, child);
      expect(await asked).toMatch(/^(?:SUSPENDED|UPSTREAM_FAILED|PERMISSION_DENIED)$/);
    }
    expect(await read('/ws/a')).toContain('/ws/a');
  });

  it('while the store was away goes nowhere', async () => {
    const store = new MemoryStore();
    const { read } = await reader(store);
    const { read: rows, commit } = store;
    const away = async () => {
      Object.assign(store, { read: rows, commit });
      throw new Refusal('CHAIN_CONTENDED', 'The database is away.');
    };
    Object.assign(store, { read: away, commit: away });
    expect(await read('/etc/passwd')).toBe('UPSTREAM_FAILED');
  });
});
