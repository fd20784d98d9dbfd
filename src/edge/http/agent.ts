/** An artifact as the agent that holds it: the `AgentIdentity` resource, and finding one by id or name. */
import * as z from 'zod';
import { agentId } from '../../artifact/enrolment.ts';
import { notFound } from '../../authority/find.ts';
import { ended, type Grant, isWithin, subtree } from '../../authority/grant.ts';
import type { State } from '../../authority/state.ts';
import { formatInstant } from '../../base/instant.ts';
import type { Caller } from '../../caller.ts';
import type { Service } from '../../service/service.ts';
import { formatDuration } from './duration.ts';

const API_VERSION = 'aga-delegate/v1';

export const parentRef = z
  .strictObject({
    name: z.string().describe('Name of the agent that delegated'),
    namespace: z.string().describe("The authority's name"),
  })
  .describe('Who delegated');

export const agent = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('AgentIdentity'),
  metadata: z.strictObject({
    name: z.string(),
    namespace: z.string().describe("The authority's name"),
    uid: z.string().describe('Public id of its enrolment token'),
  }),
  spec: z.strictObject({
    parentRef: parentRef.nullable().describe('Null for a root'),
    ttl: z.string().describe('A Go duration: the life it was issued for'),
    policyPreset: z.string().nullable(),
  }),
  status: z.strictObject({
    phase: z
      .enum(['Pending', 'Active', 'Expired', 'Revoked'])
      .describe('Pending: its token was not redeemed yet. Expired: shown for ten minutes'),
    expiresAt: z.string().describe('UTC'),
    artifactHash: z.string(),
    holder: z.string().nullable().describe('did:key of the agent, once it has one'),
  }),
});
export type Agent = z.infer<typeof agent>;

export const agentList = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('AgentIdentityList'),
  items: z.array(agent).describe('Parents before children'),
});
export type AgentList = z.infer<typeof agentList>;

export function refTo(grant: Grant, namespace: string): z.infer<typeof parentRef> {
  return { name: grant.subject, namespace };
}

export function agentOf(grant: Grant, namespace: string, now: number): Agent {
  const { hash, subject, parent, issued, expires, preset, holder } = grant;
  return {
    apiVersion: API_VERSION,
    kind: 'AgentIdentity',
    metadata: { name: subject, namespace, uid: agentId(hash) },
    spec: {
      parentRef: parent && refTo(parent, namespace),
      ttl: formatDuration(Math.round((expires - issued) / 1000)),
      policyPreset: preset,
    },
    status: { phase: phaseOf(grant, now), expiresAt: formatInstant(expires), artifactHash: hash, holder },
  };
}

function phaseOf(grant: Grant, now: number): Agent['status']['phase'] {
  const over = ended(grant, now);
  if (over) return over.code === 'ARTIFACT_REVOKED' ? 'Revoked' : 'Expired';
  return grant.enroll && grant.holder === null ? 'Pending' : 'Active';
}

/** What the caller may see: the operator all, an agent itself and what is below it; parents before children. */
function* visibleTo(caller: Caller, state: State): Generator<Grant> {
  if (caller.artifact !== null) {
    const own = state.grants.get(caller.artifact);
    if (own) yield* subtree(own);
    return;
  }
  for (const grant of state.grants.values()) if (grant.parent === null) yield* subtree(grant);
}

/** The list that the caller sees. Throws where its authority has ended. */
export function listFor(caller: Caller, service: Service, namespace: string): Promise<AgentList> {
  return service.ask<AgentList>({
    name: 'agents',
    caller,
    writes: false,
    decide: ({ state, now }) => ({
      answer: {
        apiVersion: API_VERSION,
        kind: 'AgentIdentityList',
        items: Array.from(visibleTo(caller, state), (grant) => agentOf(grant, namespace, now)),
      },
    }),
  });
}

/**
 * Of two agents with one name, the one of lower rank is meant, then the younger: no agent below another can name an
 * agent of its own so that it is taken for that one. A root ranks with what is right below it, since the one that was made
 * for an agent bears its name.
 */
export const rankOf = (depth: number): number => Math.max(depth, 1);

/** By public id or artifact hash; or by name: the live agent of that name, else the latest, by rank. Throws `ARTIFACT_NOT_FOUND`. */
export function findAgent(idOrName: string, caller: Caller, state: State, now: number): Grant {
  const named = state.agents.get(idOrName) ?? state.grants.get(idOrName);
  if (named && (caller.artifact === null || isWithin(named, caller.artifact))) return named;
  let found: Grant | undefined;
  for (const grant of visibleTo(caller, state)) {
    if (grant.subject === idOrName && (!found || isRather(grant, found, now))) found = grant;
  }
  if (!found) throw notFound();
  return found;
}

function isRather(one: Grant, other: Grant, now: number): boolean {
  const [isLive, wasLive] = [!ended(one, now), !ended(other, now)];
  if (isLive !== wasLive) return isLive;
  const [rank, least] = [rankOf(one.depth), rankOf(other.depth)];
  return rank === least ? one.sequence > other.sequence : rank < least;
}
