/** The delegate call as Lattice documents it: an agent mints an enrolment token for a sub-agent of its own. */
import * as z from 'zod';
import { agentId } from '../../../artifact/enrolment.ts';
import { find } from '../../../authority/find.ts';
import { ended, type Grant } from '../../../authority/grant.ts';
import { Refusal } from '../../../base/refusal.ts';
import type { Caller } from '../../../caller.ts';
import { delegateToSubagent } from '../../../tools/delegate-to-subagent.ts';
import { atMost } from '../../../tools/requested-scope.ts';
import * as piece from '../../../tools/schema.ts';
import { parentRef, refTo } from '../agent.ts';
import { parseDuration } from '../duration.ts';
import { route } from '../route.ts';
import type { Site } from '../site.ts';

const DEFAULT_TTL = '15m';
const DEFAULT_PRESET = 'sandboxed';
/** RFC 1123 section 2.1, in lower case. */
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const body = z.strictObject({
  subAgentName: z.string().regex(DNS_LABEL, 'must be a DNS label: 1 to 63 of a-z, 0-9 and inner hyphens'),
  ttl: z.string().max(64).default(DEFAULT_TTL).describe('A Go duration from 1s, such as 30m or 1h30m'),
  policyPreset: piece.preset
    .optional()
    .describe(
      'isolated, sandboxed, coordinator or a configured one. Omit for sandboxed, or narrower under a narrower one',
    ),
  permissions: piece.permissions
    .optional()
    .describe("Capability to patterns. Omit for what the preset leaves of the parent's"),
  maxDepth: piece.maxDepth.optional(),
  maxChildren: piece.maxChildren.optional(),
  minBinding: z.enum(['handle', 'bearer', 'hook', 'process', 'proof']).optional(),
  purpose: piece.text(1024).optional(),
  requestId: piece.requestId.optional().describe('A repeat is answered with the first answer'),
});

const output = z.strictObject({
  enrollmentToken: z.string(),
  expiresAt: z.string().describe('UTC; counted from minting'),
  parentRef,
  agentId: z.string(),
  agentName: z.string(),
  artifactHash: z.string(),
  policyPreset: z.string(),
  permissions: piece.permissions,
  ttlClamped: z.boolean(),
});

/** The members of the tool's answer that are passed on. */
const minted = z.object({
  child_artifact_hash: z.string(),
  expires_at: z.string(),
  permissions: piece.permissions,
  ttl_clamped: z.boolean(),
  enrollment: z.object({ token: z.string() }),
});

export const delegate = route({
  method: 'POST',
  path: '/api/v1/agents/:id/delegate',
  summary: 'Delegate to a sub-agent: mints an enrolment token',
  access: 'bearer',
  body,
  output,
  async answer({ params, body: given, caller }, site) {
    if (caller.artifact !== null) site.mints.take(caller.artifact);
    const { parent, preset, answer } = await mint(given, params.id ?? '', caller, site);
    return {
      json: {
        enrollmentToken: answer.enrollment.token,
        expiresAt: answer.expires_at,
        parentRef: refTo(parent, site.namespace),
        agentId: agentId(answer.child_artifact_hash),
        agentName: given.subAgentName,
        artifactHash: answer.child_artifact_hash,
        policyPreset: preset,
        permissions: answer.permissions,
        ttlClamped: answer.ttl_clamped,
      } satisfies z.infer<typeof output>,
    };
  },
});

/** The same refusal for another's agent, for an unknown one, and for the operator, so that none can be probed. */
const notYours = () => new Refusal('PERMISSION_DENIED', 'Delegate as the agent that the bearer token belongs to.');

async function mint(given: z.infer<typeof body>, idOrName: string, caller: Caller, { service }: Site) {
  const input = inputOf(given);
  let parent: Grant | undefined;
  let preset = DEFAULT_PRESET;
  const answer = await service.ask({
    name: delegateToSubagent.name,
    caller,
    writes: true,
    decide(context) {
      // Refused here, the operator's attempt is recorded like anybody's.
      if (caller.artifact === null) throw notYours();
      const own = find(context.state, caller.artifact);
      if (![agentId(own.hash), own.subject, own.hash].includes(idOrName)) throw notYours();
      parent = own;
      preset = given.policyPreset ?? atMost(DEFAULT_PRESET, own, context.policy.presets);
      const step = inOurWords(() => delegateToSubagent.decide({ ...input, policy_preset: preset }, context));
      // Asked where the decision is made, so that of several at once one wins; a repeat of an answered request may pass.
      if ('event' in step) refuseTaken(given.subAgentName, own, context.now);
      return step;
    },
  });
  if (!parent) throw new TypeError('answered without being decided');
  return { parent, preset, answer: minted.parse(answer) };
}

/** What the tool calls otherwise. */
const NAMES: { readonly [member: string]: string } = { policy_preset: 'policyPreset', min_binding: 'minBinding' };

/** A refusal offers members of the request that was made here. */
function inOurWords<T>(decide: () => T): T {
  try {
    return decide();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, message, hint } = error;
    const detail = error.detail as { readonly nearest_allowed?: object } | null; // our own refusal
    if (!detail?.nearest_allowed) throw error;
    const offer = Object.entries(detail.nearest_allowed).map(([member, value]) => [NAMES[member] ?? member, value]);
    throw new Refusal(code, message, { hint, detail: { ...detail, nearest_allowed: Object.fromEntries(offer) } });
  }
}

/** The tool's input: the parent is the caller's own artifact. */
function inputOf(given: z.infer<typeof body>) {
  const input = delegateToSubagent.input.safeParse({
    sub_agent_id: given.subAgentName,
    policy_preset: given.policyPreset,
    permissions: given.permissions,
    ttl_seconds: secondsOf(given.ttl),
    max_depth: given.maxDepth,
    max_children: given.maxChildren,
    min_binding: given.minBinding,
    delegation_reason: given.purpose,
    request_id: given.requestId,
    enroll: true,
  });
  if (input.success) return input.data;
  throw new TypeError(`a delegation that the tool does not take: ${input.error.message}`);
}

function refuseTaken(name: string, parent: Grant, now: number): void {
  for (const child of parent.children ?? []) {
    if (child.subject === name && !ended(child, now)) {
      throw new Refusal('NAME_TAKEN', `A live sub-agent is called "${name}" already.`);
    }
  }
}

/** A longer life than any artifact may have is clamped to the parent's all the same. */
const MOST_SECONDS = 315_360_000;

function secondsOf(ttl: string): number {
  const milliseconds = parseDuration(ttl);
  if (milliseconds === undefined || milliseconds < 1000) {
    throw new Refusal(
      'INVALID_REQUEST',
      'ttl must be a Go duration of at least 1s, for example "90s", "30m" or "1h30m".',
    );
  }
  return Math.min(MOST_SECONDS, Math.floor(milliseconds / 1000));
}
