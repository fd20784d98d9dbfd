/** Which agents work can be given to, and which version of one a name means. */
import { Refusal } from '../base/refusal.ts';

export interface Registered {
  /** Whether this version is the default of its name. */
  readonly isDefault: boolean;
  /** Whether its jobs end when a spend is refused for want of money; else the agent is told, and goes on. */
  readonly endsWithBudget?: boolean;
}

/** By the ids of the registry, `name@version` or a bare name. */
export type Agents = ReadonlyMap<string, Registered>;

interface Entry {
  readonly default?: boolean | undefined;
  readonly budget_exhausted?: 'end' | 'refuse' | undefined;
}

export interface JobPolicy {
  readonly agents: Agents;
  /** This process, as it is named in what it accepts. */
  readonly supervisor: string;
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?:@[A-Za-z0-9][A-Za-z0-9._+-]{0,62})?$/;
const nameOf = (id: string): string => id.split('@')[0]!;

/** Judges the registry of the configuration. Throws `INVALID_REQUEST` naming the agent. */
export function parseAgents(config: { readonly [id: string]: Entry }): Agents {
  const agents = Object.entries(config).map(
    ([id, entry]) =>
      [id, { isDefault: entry.default === true, endsWithBudget: entry.budget_exhausted === 'end' }] as const,
  );
  const defaults = new Set<string>();
  for (const [id, { isDefault }] of agents) {
    if (!ID.test(id)) throw new Refusal('INVALID_REQUEST', `agents.${id}: an agent is named "name@version".`);
    if (isDefault && defaults.has(nameOf(id))) {
      throw new Refusal('INVALID_REQUEST', `agents.${id}: "${nameOf(id)}" has another default version already.`);
    }
    if (isDefault) defaults.add(nameOf(id));
  }
  return new Map(agents);
}

/**
 * The id that `asked` means: itself, or where it names no version, the default or the only one. Throws
 * `AGENT_NOT_AVAILABLE`, or `AGENT_VERSION_NOT_AVAILABLE` for a name that is there.
 */
export function resolveAgent(agents: Agents, asked: string): string {
  if (!ID.test(asked)) throw new Refusal('INVALID_REQUEST', 'agent must be "name" or "name@version".');
  if (agents.has(asked)) return asked;
  const versions = [...agents.keys()].filter((id) => nameOf(id) === nameOf(asked));
  if (versions.length === 0) {
    const detail = { agents: [...new Set([...agents.keys()].map(nameOf))].slice(0, 64) };
    throw new Refusal('AGENT_NOT_AVAILABLE', `No agent "${nameOf(asked)}" is registered here.`, { detail });
  }
  const usual = versions.find((id) => agents.get(id)?.isDefault) ?? (versions.length === 1 ? versions[0] : undefined);
  if (!asked.includes('@') && usual !== undefined) return usual;
  const message = asked.includes('@')
    ? `"${asked}" is not registered here, but other versions are.`
    : `"${asked}" has several versions and none is the default.`;
  throw new Refusal('AGENT_VERSION_NOT_AVAILABLE', message, { detail: { versions: versions.slice(0, 64) } });
}
