/** Agents as the command line knows them: the resources of the HTTP interface. */
import type { Agent, AgentList } from '../http/agent.ts';

const ENDED = new Set<Agent['status']['phase']>(['Expired', 'Revoked']);
export const isLive = ({ status: { phase } }: Agent): boolean => !ENDED.has(phase);

/** The live agent of that name; the youngest, where there are several. */
export function liveNamed(name: string, { items }: AgentList): Agent | undefined {
  return items.filter((agent) => agent.metadata.name === name && isLive(agent)).at(-1);
}
