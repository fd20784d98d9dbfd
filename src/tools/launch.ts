/** How a sub-agent gets a process of its own: configuration that a host takes as it stands. */
import * as z from 'zod';
import type { Policy } from './tool.ts';

export const launch = z.strictObject({
  mcpServers: z.record(z.string(), z.record(z.string(), z.unknown())).describe("For the host's configuration"),
  claude_agent: z.string().describe('.claude/agents/NAME.md for Claude Code'),
});
export type Launch = z.infer<typeof launch>;

export interface Launched {
  readonly subject: string;
  readonly hash: string;
  readonly purpose: string;
  readonly scope?: { readonly permissions: { readonly [capability: string]: readonly string[] | undefined } };
}

/** What binds the process to its artifact: the hash itself, or a token that is redeemed. */
export type Bond =
  | { readonly artifact: string }
  /** `server`: where the token is redeemed, when that is another machine. */
  | { readonly token: string; readonly server?: string | undefined };

/**
 * Name and arguments are unique to the artifact: hosts let agents with equal definitions share one process, and then one
 * of them would act under the other's artifact. A token goes into the environment, where no list of processes shows it.
 */
export function launchOf(
  { subject, hash, purpose, scope }: Launched,
  bond: Bond,
  { launch: settings, launchEnv }: Pick<Policy, 'launch' | 'launchEnv'>,
): Launch {
  const name = launchName({ subject, hash });
  const own = 'artifact' in bond ? ['--artifact', bond.artifact] : [];
  const away = 'token' in bond ? bond.server : undefined;
  const env: Record<string, string> = {
    ...(away === undefined && launchEnv),
    ...('token' in bond && { AGA_TOKEN: bond.token }),
    ...(away !== undefined && { AGA_URL: away }),
  };
  const server = {
    type: 'stdio' as const,
    command: 'npx',
    args: ['-y', 'aga-delegate', ...(away === undefined ? settings : []), ...own],
    env,
  };
  const agent = [
    '---',
    `name: ${name}`,
    // JSON is YAML, and says where a text ends.
    `description: ${JSON.stringify(purpose)}`,
    // Without this line an agent has every tool of its parent, our own server under the operator's authority among them.
    `tools: ${[`mcp__${name}__*`, ...hostTools(scope)].join(', ')}`,
    `mcpServers: ${JSON.stringify([{ [name]: server }])}`,
    '---',
    `You act under the artifact ${hash.slice(0, 12)}. A refusal says what would have been allowed.`,
    '',
  ];
  return { mcpServers: { [name]: server }, claude_agent: agent.join('\n') };
}

/** Those of the host's own tools that the artifact names; what they may be used on, a hook judges. */
const hostTools = (scope: Launched['scope']): readonly string[] =>
  (scope?.permissions['tool.call'] ?? []).flatMap((pattern) => /^claude-code\/(\w+)$/.exec(pattern)?.[1] ?? []);

/** What a host calls both the agent and its server. */
export const launchName = ({ subject, hash }: Pick<Launched, 'subject' | 'hash'>): string =>
  `aga-${slug(subject)}-${hash.slice(0, 8)}`;

const slug = (subject: string): string =>
  subject
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 24) || 'agent';
