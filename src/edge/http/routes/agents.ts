/** Agents as resources, read from the state. */
import { Refusal } from '../../../base/refusal.ts';
import { revokeArtifact } from '../../../tools/revoke-artifact.ts';
import { type Agent, agent, agentList, agentOf, findAgent, listFor } from '../agent.ts';
import { route } from '../route.ts';

export const listAgents = route({
  method: 'GET',
  path: '/api/v1/agents',
  summary: "List the caller's agent and all below it",
  access: 'bearer',
  output: agentList,
  async answer({ caller }, { service, namespace }) {
    return { json: await listFor(caller, service, namespace) };
  },
});

export const getAgent = route({
  method: 'GET',
  path: '/api/v1/agents/:id',
  summary: 'One agent, by id or name',
  access: 'bearer',
  output: agent,
  async answer({ caller, params }, { service, namespace }) {
    const json = await service.ask<Agent>({
      name: 'agents',
      caller,
      writes: false,
      decide: ({ state, now }) => ({
        answer: agentOf(findAgent(params.id ?? '', caller, state, now), namespace, now),
      }),
    });
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
