/** Agents as the command line knows them: the resources of the HTTP interface. */
import { inspect } from '../../tools/inspect.ts';
import { type Agent, type AgentList, rankOf } from '../http/agent.ts';
import type { Opened } from './command.ts';

const ENDED = new Set<Agent['status']['phase']>(['Expired', 'Revoked']);
export const isLive = ({ status: { phase } }: Agent): boolean => !ENDED.has(phase);

/** The live agents of that name. */
export const liveNamed = (name: string, { items }: AgentList): readonly Agent[] =>
  items.filter((agent) => agent.metadata.name === name && isLive(agent));

/** The one that is meant where several have a name. */
export async function meant(agents: readonly Agent[], { call }: Opened): Promise<Agent | undefined> {
  if (agents.length < 2) return agents[0];
  const { tree = [] } = await call(inspect, { view: 'tree' });
  const depths = new Map(tree.map(({ artifact_hash, depth }) => [artifact_hash, depth]));
  const rank = ({ status }: Agent): number => rankOf(depths.get(status.artifactHash) ?? Number.POSITIVE_INFINITY);
  const least = Math.min(...agents.map(rank));
  return agents.findLast((agent) => rank(agent) === least);
}
