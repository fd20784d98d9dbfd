/** The law behind the gateway: what is asked of an upstream before a verdict ends with the artifact, too. */
import { afterEach, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/file.ts';
import { gatewaySession } from '../../../src/edge/gateway/gateway-session.ts';
import { governedSession } from '../../../src/edge/governed.ts';
import { gatewayOf } from '../../../src/gatekeeper.ts';
import { Enforcement } from '../../../src/service/enforcement.ts';
import { Lookout } from '../../../src/service/lookout.ts';
import { as, kernel } from '../../kernel.ts';
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

it('measuring an upstream ends with the artifact, and is recorded as that', async () => {
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
