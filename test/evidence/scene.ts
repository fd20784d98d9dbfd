/** One afternoon of delegation, told by the real kernel: enough of everything that a bundle can be about. */

import { sha256Hex } from '#digest';
import { signer } from '#ed25519';
import { agentId, proveHolder } from '../../src/artifact/enrolment.ts';
import { canonicalize, type Json } from '../../src/base/canonical.ts';
import { toDidKey } from '../../src/base/did-key.ts';
import type { Caller } from '../../src/caller.ts';
import { Enforcement } from '../../src/service/enforcement.ts';
import { redeem } from '../../src/service/enrolment.ts';
import { as, type Kernel, kernel, refusal, seed } from '../kernel.ts';
import { MemoryStore } from '../store/memory.ts';

export type Arguments = { readonly [name: string]: Json };

export interface Scene {
  readonly k: Kernel;
  readonly store: MemoryStore;
  /** The lineage boss → lead → worker, a sibling of lead, and a child that lead revoked. */
  readonly boss: string;
  readonly lead: string;
  readonly worker: string;
  readonly sibling: string;
  readonly helper: string;
  /** Arguments of the call that a rule judged. */
  readonly disclosed: Arguments;
  /** A call of an upstream tool under an artifact. */
  act(artifact: string, tool: string, given?: Arguments, id?: string | number | null): Promise<string | null>;
}

export const holderKey = signer(seed('holder of lead'));
const LEAD_HOLDER = toDidKey(holderKey.publicKey);

export async function scene(): Promise<Scene> {
  const store = new MemoryStore();
  const k = kernel({ store });
  const tick = (ms: number): void => {
    k.clock.now += ms;
  };
  const act: Scene['act'] = async (artifact, tool, given, id = 1) => {
    tick(10);
    const acts = [{ capability: 'tool.call', resource: tool, ...(given && { arguments: given }) }] as const;
    const argumentsDigest = given === undefined ? '' : sha256Hex(canonicalize(given));
    const asked = { acts, tool, argumentsDigest, requestId: id };
    return (await k.service.decide(as(artifact), asked, 'enforce')).code;
  };
  const delegate = async (parent: string, input: object, caller?: Caller): Promise<string> => {
    tick(1000);
    const made = await k.call('aga_delegate_to_subagent', { parent_artifact_hash: parent, ...input }, caller);
    return made.child_artifact_hash;
  };

  const boss = (
    await k.call('aga_create_artifact', {
      subject: 'boss',
      purpose: 'quarterly report',
      permissions: {
        'tool.call': ['fs/*', 'web/*', 'mail/send'],
        'fs.read': ['/data/**'],
        'agent.delegate': ['*', '*@*'],
      },
      enforcement_triggers: ['ALERT_ONLY', 'QUARANTINE'],
      measurement_types: ['CONFIG_MANIFEST'],
      limits: { calls: 100 },
      ttl_seconds: 7200,
    })
  ).artifact_hash;
  const lead = await delegate(boss, {
    sub_agent_id: 'lead',
    permissions: { 'tool.call': ['fs/*', 'web/get'], 'fs.read': ['/data/reports/**'], 'agent.delegate': ['*'] },
    argument_rules: [
      { tool: 'fs/write', arguments: { path: { under: '/data/reports' }, content: { max_bytes: 64, optional: true } } },
    ],
    limits: { calls: 6 },
    ttl_seconds: 3600,
    enroll: true,
  });
  tick(500);
  const tokenId = agentId(lead);
  await redeem(k.service, { tokenId, holder: LEAD_HOLDER, proof: proveHolder(tokenId, holderKey) });
  const sibling = await delegate(boss, { sub_agent_id: 'sibling', permitted_tools: ['mail/send'] });
  const worker = await delegate(
    lead,
    { sub_agent_id: 'worker', permitted_tools: ['fs/read', 'fs/write'], ttl_seconds: 600 },
    as(lead),
  );
  const helper = await delegate(lead, { sub_agent_id: 'helper', permitted_tools: ['web/get'] }, as(lead));
  await act(sibling, 'mail/send', { to: 'a@example.com' }, 'm1');
  await act(worker, 'fs/read');
  const disclosed = { path: '/data/reports/q3.md', content: 'ok' };
  await act(worker, 'fs/write', disclosed, 2);
  await act(worker, 'fs/write', { path: '/etc/passwd' }, 3);
  await act(worker, 'web/get', {}, null);
  await act(lead, 'web/get', { url: 'https://example.com/' }, 'x');
  await refusal(k.call('aga_delegate_to_subagent', { permitted_tools: ['mail/send'] }, as(lead)));
  const watch = new Enforcement(k.service, 10);
  await watch.measure(worker, { type: 'CONFIG_MANIFEST', subject: 'fs', digest: sha256Hex('one') });
  tick(1000);
  await watch.measure(worker, { type: 'CONFIG_MANIFEST', subject: 'fs', digest: sha256Hex('two') });
  await act(worker, 'fs/read', {}, 4);
  await watch.resume(k.operator, worker);
  await act(worker, 'fs/read', {}, 5);
  await k.call('aga_revoke_artifact', { artifact_hash: helper, reason: 'done' }, as(lead));
  await act(helper, 'web/get', {}, 6);
  await act(lead, 'fs/read', {}, 7);
  await act(lead, 'fs/read', {}, 8);
  await act(worker, 'fs/read', {}, 9);
  return { k, store, boss, lead, worker, sibling, helper, disclosed, act };
}
