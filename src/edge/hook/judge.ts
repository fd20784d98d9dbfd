/**
 * Judges what a host is about to do, for the agent that the host names: the binding `hook`.
 *
 * A sub-agent is known by the name of its definition: the one that `launch` gave it, or the subject of the one living
 * artifact that was delegated under that name. One that is not known may do nothing; the host's own agent is whom the
 * settings name, and without an artifact the hook has nothing to say about it.
 */
import { sha256Hex } from '#digest';
import { find } from '../../authority/find.ts';
import { ended, type Grant, isWithin, lineage } from '../../authority/grant.ts';
import type { State } from '../../authority/state.ts';
import { canonicalize } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import { bound, operator } from '../../caller.ts';
import type { Enforcement } from '../../service/enforcement.ts';
import type { Service } from '../../service/service.ts';
import { type Mode, refusalOf } from '../../service/verdict.ts';
import { launchName } from '../../tools/launch.ts';
import { followPatiently } from '../gateway/following.ts';
import { resolvedActs } from '../gateway/resolved.ts';
import { type HostCall, hostCall } from './host-call.ts';
import { callOf, isLookup, mcpTool, touchedBy } from './host-tool.ts';
import { ownGround } from './own-ground.ts';
import { OWN, type Slips } from './slips.ts';

export interface HookPlace {
  readonly service: Service;
  readonly enforcement: Enforcement;
  readonly slips: Slips;
  readonly mode: Mode;
  /** Whether a server refuses what is not announced to it. */
  readonly required: boolean;
  /** Whom the host's own agent acts for; null for the operator. */
  readonly artifact: string | null;
  /** What the host calls the server that we are: its calls are judged when they arrive there. */
  readonly servers: readonly string[];
  /** Names of our upstreams. */
  readonly upstreams: readonly string[];
}

/** Resolves to the refusal, or to null where nothing is said against it. */
export async function judgeHook(bytes: Uint8Array, place: HookPlace): Promise<Refusal | null> {
  const call = hostCall(bytes);
  if (isLookup(call)) return null;
  const mcp = mcpTool(call);
  const who = await agentOf(call, mcp?.server ?? '', place);
  // Whatever the host calls it, a server may be this one: a call without a slip is the operator's there.
  if (mcp) await leaveSlip(call, who, place);
  if (who instanceof Refusal) return who;
  if (who?.apart) return null;
  if (isOurs(call, place)) return call.agent !== null && call.use === null ? nameless() : null;
  return who && judge(call, who.grant, place);
}

const nameless = (): Refusal => new Refusal('UNAUTHENTICATED', 'The host does not name this use of the tool.');

/** A server of another name may begin like ours, so the tool must be one that we could have. */
function isOurs(call: HostCall, { service, servers, upstreams }: HookPlace): boolean {
  const { server = '', tool = '' } = mcpTool(call) ?? {};
  return (
    servers.includes(server) && (service.tools.has(tool) || upstreams.some((each) => tool.startsWith(`${each}__`)))
  );
}

interface Agent {
  readonly grant: Grant;
  /** It calls the server that was started for it, or for one below it, and that knows whom it serves. */
  readonly apart: boolean;
}

function agentOf(
  { agent }: HostCall,
  server: string,
  { service, artifact }: HookPlace,
): Promise<Agent | Refusal | null> {
  return service.askAnyone<Agent | Refusal | null>({
    name: 'hook',
    caller: operator(),
    writes: false,
    decide({ state, now }) {
      const own = artifact === null ? null : find(state, artifact);
      const found = agent === null ? own : named(agent, state, now);
      if (found === null || found instanceof Refusal) return { answer: found };
      if (own && !isWithin(found, own.hash)) return { answer: unknown(agent ?? '') };
      return { answer: { grant: found, apart: isServer(server, found, state) } };
    },
  });
}

function named(agent: string, state: State, now: number): Grant | Refusal {
  const delegated = [...state.grants.values()].filter(({ depth }) => depth > 0);
  const launched = delegated.find((grant) => launchName(grant) === agent);
  if (launched) return launched;
  const namesakes = delegated.filter(({ subject }) => subject === agent);
  const living = namesakes.filter((grant) => ended(grant, now) === null);
  if (living.length > 1) return namesakesOf(agent, living.length);
  // If all of them have ended, the caller is told that.
  return living[0] ?? namesakes.at(-1) ?? unknown(agent);
}

/** The server of another agent would lend it what that one has. */
const isServer = (name: string, agent: Grant, state: State): boolean =>
  name.startsWith('aga-') &&
  [...state.grants.values()].some((grant) => launchName(grant) === name && isWithin(grant, agent.hash));

const nothing = (agent: string, why: string, hint: string): Refusal =>
  new Refusal('PERMISSION_DENIED', `The sub-agent ${JSON.stringify(agent.slice(0, 128))} may do nothing: ${why}.`, {
    hint,
  });

const unknown = (agent: string): Refusal =>
  nothing(
    agent,
    'it has no artifact',
    'Delegate to it first, with aga_delegate_to_subagent and its name as sub_agent_id.',
  );

const namesakesOf = (agent: string, living: number): Refusal =>
  nothing(
    agent,
    `${living} living artifacts have that name`,
    'Revoke all but one with aga_revoke_artifact, or use the name in "launch", which is one artifact\'s alone.',
  );

async function leaveSlip(
  { agent, use }: HostCall,
  who: Agent | Refusal | null,
  { slips, required }: HookPlace,
): Promise<void> {
  if (use === null) return;
  const known = who instanceof Refusal ? null : who;
  // The host's own agent, and one at its own server, is whom that server serves anyway.
  if (agent !== null && !known?.apart) await slips.leave(use, { artifact: known?.grant.hash ?? null });
  else if (required) await slips.leave(use, OWN);
}

async function judge(call: HostCall, grant: Grant, { service, enforcement, mode }: HookPlace): Promise<Refusal | null> {
  const question = await questionOf(call, lineage(grant));
  const verdict = await service.decide(bound(grant.hash, 'hook'), question, mode);
  const refusal = refusalOf(verdict, mode);
  if (refusal) await enforcement.refused(grant.hash);
  return refusal;
}

type Question = Parameters<Service['decide']>[1];

async function questionOf(call: HostCall, grants: readonly Grant[]): Promise<Question> {
  const act = callOf(call);
  const digest = sha256Hex(canonicalize(act.arguments ?? {}));
  const question = { tool: act.resource, argumentsDigest: digest, requestId: call.use };
  try {
    const acts = [act, ...touchedBy(call, act)] as const;
    const scopes = grants.map(({ scope }) => scope);
    const second = await resolvedActs(acts, scopes, followPatiently);
    const barred = await ownGround([...acts, ...(second?.acts ?? [])], call.cwd);
    return { ...question, acts, second, barred };
  } catch (error) {
    if (error instanceof Refusal) return { ...question, acts: [act], barred: error };
    throw error;
  }
}
