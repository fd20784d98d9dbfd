import * as z from 'zod';
import { BINDINGS, type Sealed } from '../artifact/artifact.ts';
import { mayDelegate } from '../artifact/lineage.ts';
import { effectiveTtl } from '../authority/event/delegation.ts';
import type { Event } from '../authority/event/index.ts';
import { refuseHalted } from '../authority/find.ts';
import { uphold } from '../authority/kind.ts';
import { Refusal } from '../base/refusal.ts';
import { derive, eitherName } from './derive.ts';
import { launch, launchOf } from './launch.ts';
import { recalled, requestDigest } from './request.ts';
import * as piece from './schema.ts';
import { subjectOf } from './subject.ts';
import { type ChainPosition, type Context, tool } from './tool.ts';

const NAME = 'aga_delegate_to_subagent';
const DEFAULT_TTL = 1800;

const list = z.array(z.string());
const output = z.strictObject({
  success: z.literal(true).describe('Always true'),
  parent_artifact_hash: z.string().describe('Artifact it was derived from'),
  child_artifact_hash: z.string().describe('The new artifact; start the sub-agent with it'),
  sub_agent_id: z.string().describe('Name of the sub-agent'),
  effective_ttl_seconds: z.int().describe('Seconds it lives, after clamping'),
  ttl_clamped: z.boolean().describe("True when the parent's remaining life was shorter than the ttl"),
  expires_at: z.string().describe('UTC'),
  depth: z.int().describe('Its depth; a root has 0'),
  scope_reduction: z
    .strictObject({
      tools_removed: list.describe('Tool patterns'),
      permissions_removed: list.describe('"capability pattern" for every other capability'),
      triggers_removed: list.describe('Enforcement triggers'),
      measurement_types_removed: list.describe('Measurement types'),
    })
    .describe('What the parent has and the child was not given'),
  scope_diminished: z.literal(true).describe('Always true: a child never holds more'),
  permitted_tools: list.describe('Tool patterns it permits'),
  permissions: piece.permissions.describe('All it permits: capability to patterns'),
  purpose: z.string().describe('As recorded'),
  enrollment: z
    .strictObject({
      token: z.string().describe('Redeemed once, by one key; a secret'),
      expires_at: z.string().describe('UTC; redeeming late does not extend it'),
      launch: launch.describe('As launch, with the token in the environment'),
    })
    .optional()
    .describe('When enroll was asked for'),
  launch: launch.describe('How to start the sub-agent in a process of its own, bound to the artifact'),
  chain: piece.chain,
});

export const delegateToSubagent = tool({
  name: NAME,
  title: 'Delegate to a sub-agent',
  description:
    'Derives a signed child artifact that permits no more than its parent and ends with it. Use it before starting a sub-agent; ' +
    'aga_create_artifact is for the first artifact only, aga_check_permission for a question. permissions gives exactly the capabilities named; ' +
    "permitted_tools alone replaces tool.call and keeps the rest of the parent's; neither gives the parent's. The right to delegate further " +
    "(agent.delegate) is given only when named. A ttl beyond the parent's life is clamped. Asking for more than the parent holds is " +
    'refused with LEASE_SUBSET_VIOLATION, listing the excess and the nearest request that would pass, and nothing is issued.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.strictObject({
    sub_agent_id: piece
      .text(128)
      .optional()
      .describe('Name of the sub-agent, optionally name@version. Omit for "sub-agent"'),
    parent_artifact_hash: piece.artifactHash
      .optional()
      .describe("Artifact to derive from. Omit for this session's, else the last root created here"),
    permitted_tools: piece.patterns
      .optional()
      .describe('Tool patterns "server/tool". Short for permissions["tool.call"]'),
    permissions: piece.permissions.optional().describe("Capability to patterns, within the parent's"),
    argument_rules: piece.argumentRules
      .optional()
      .describe("As in aga_create_artifact; those of every ancestor apply too. Omit for the parent's"),
    limits: piece.limits
      .optional()
      .describe('Calls by it and its subtree; those of every ancestor apply too. Omit for none of its own'),
    policy_preset: piece.preset
      .optional()
      .describe(
        "Named ceiling within the parent's scope: isolated (nothing), sandboxed (no writes, no delegation), coordinator (all, may delegate) or a configured one. Omit for none",
      ),
    enforcement_triggers: piece.names.optional().describe("Subset of the parent's. Omit for all of them"),
    measurement_types: piece.names.optional().describe("Subset of the parent's. Omit for all of them"),
    ttl_seconds: piece.ttl.optional().describe('Lifetime in seconds, from 1. Omit for 1800'),
    requested_ttl_seconds: piece.ttl.optional().describe('Older name of ttl_seconds'),
    max_depth: piece.maxDepth
      .optional()
      .describe("Levels below the child. Omit for the parent's minus one, or 0 without agent.delegate"),
    max_children: piece.maxChildren.optional().describe('Live children at once. Omit for 32'),
    holder_public_key: piece.didKey
      .optional()
      .describe('did:key of the sub-agent, which alone may then act. Omit for none'),
    enroll: z
      .boolean()
      .optional()
      .describe('True: also return an enrolment token, by which the sub-agent binds its own key. Omit for false'),
    min_binding: z
      .enum(BINDINGS)
      .optional()
      .describe("How strongly its callers must be known, weakest first. Omit for the parent's"),
    budget_mode: z
      .enum(['slice', 'pool'])
      .optional()
      .describe(
        'slice: cost.budget is set aside now, the rest returns at the end; pool: shared with the parent. Omit for slice with cost.budget, else pool',
      ),
    delegation_reason: piece
      .text(1024)
      .optional()
      .describe('Why, for the audit chain. Omit for "Sub-agent delegation"'),
    delegation_purpose: piece.text(1024).optional().describe('Older name of delegation_reason'),
    request_id: piece.requestId.optional().describe('Your key for this request; a repeat returns the first answer'),
  }),
  output,
  decide(input, context) {
    const { now } = context;
    const ttl = eitherName(input, 'ttl_seconds', 'requested_ttl_seconds') ?? DEFAULT_TTL;
    const purpose = eitherName(input, 'delegation_reason', 'delegation_purpose') ?? 'Sub-agent delegation';
    const subject = input.sub_agent_id ?? 'sub-agent';
    const parent = subjectOf(context, input.parent_artifact_hash);
    refuseHalted(parent, now);
    if (input.enroll && input.holder_public_key !== undefined) {
      throw new Refusal('INVALID_REQUEST', 'A holder_public_key leaves nothing to enrol; give it, or enroll.');
    }
    const barred = mayDelegate(parent, subject);
    if (barred) uphold([barred]);

    const tell = (event: Event, { sequence_number, entry_hash }: ChainPosition): z.infer<typeof output> => {
      if (event.kind !== 'DELEGATION') throw new TypeError('a delegation is told from its own entry');
      const { artifact, hash } = event.sealed;
      const effective = effectiveTtl(event.sealed);
      // Only the types are readonly; the answer is written out at once.
      const given = artifact.scope.permissions as Record<string, string[]>;
      return {
        success: true,
        parent_artifact_hash: artifact.parent ?? '',
        child_artifact_hash: hash,
        sub_agent_id: artifact.subject,
        effective_ttl_seconds: effective,
        ttl_clamped: effective < ttl,
        expires_at: artifact.expires_at,
        depth: artifact.depth,
        scope_reduction: event.scope_reduction as z.infer<typeof output>['scope_reduction'],
        scope_diminished: true,
        permitted_tools: given['tool.call'] ?? [],
        permissions: given,
        purpose: artifact.purpose,
        ...(event.enroll && { enrollment: enrolmentOf(event.sealed, context) }),
        launch: launchOf({ ...artifact, hash }, { artifact: hash }, context.policy.launch),
        chain: { sequence_number, entry_hash },
      };
    };
    const request = requestDigest(NAME, context, { ...input, parent_artifact_hash: parent.hash });
    const recall = recalled(context, request);
    if (recall !== undefined) return { recall, tell };

    const { holder_public_key: holder } = input;
    const { sealed, scope_reduction } = derive(parent, { ...input, subject, purpose, ttl, holder }, context);
    const enroll = input.enroll ?? false;
    return { event: { kind: 'DELEGATION', sealed, scope_reduction, enroll, request }, tell };
  },
});

function enrolmentOf({ artifact, hash }: Sealed, { enrolmentToken, policy }: Context) {
  const token = enrolmentToken(hash);
  return { token, expires_at: artifact.expires_at, launch: launchOf({ ...artifact, hash }, { token }, policy.launch) };
}
