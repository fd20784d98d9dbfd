/** Agents as resources, read from the state. */
import { Refusal } from '../../../base/refusal.ts';
import type { Caller } from '../../../caller.ts';
import { revokeArtifact } from '../../../tools/revoke-artifact.ts';
import type { Context } from '../../../tools/tool.ts';
import { type Agent, API_VERSION, agent, agentList, agentOf, findAgent, visibleTo } from '../agent.ts';
import { route } from '../route.ts';
import type { Site } from '../site.ts';

const see = <O>(caller: Caller, { service }: Site, answer: (context: Context) => O): Promise<O> =>
  service.ask<O>({ name: 'agents', caller, writes: false, decide: (context) => ({ answer: answer(context) }) });

export const listAgents = route({
  method: 'GET',
  path: '/api/v1/agents',
  summary: "List the caller's agent and all below it",
  access: 'bearer',
  output: agentList,
  async answer({ caller }, site) {
    const items = await see<Agent[]>(caller, site, ({ state, now }) =>
      Array.from(visibleTo(caller, state), (grant) => agentOf(grant, site.namespace, now)),
    );
    return { json: { apiVersion: API_VERSION, kind: 'AgentIdentityList', items } };
  },
});

export const getAgent = route({
  method: 'GET',
  path: '/api/v1/agents/:id',
  summary: 'One agent, by id or name',
  access: 'bearer',
  output: agent,
  async answer({ caller, params }, site) {
    const json = await see<Agent>(caller, site, ({ state, now }) =>
      agentOf(findAgent(params.id ?? '', caller, state, now), site.namespace, now),
    );
    return { json };
  },
});

export const revokeAgent = route({
  method: 'DELETE',
  path: '/api/v1/agents/:id',
  summary: 'Revoke an agent and all below it, a pending one too',
  access: 'bearer',
  output: revokeArtifact.output,
  async answer({ caller, params }, { service }) {
    const json = await service.ask({
      name: revokeArtifact.name,
      caller,
      writes: true,
      decide(context) {
        const { hash } = findAgent(params.id ?? '', caller, context.state, context.now);
        if (hash === caller.artifact) throw new Refusal('PERMISSION_DENIED', 'An agent revokes below itself only.');
        return revokeArtifact.decide({ artifact_hash: hash, reason: 'revoked over HTTP' }, context);
      },
    });
    return { json };
  },
});
