import * as z from 'zod';
import type { Sealed } from '../artifact/artifact.ts';
import { mayDelegate } from '../artifact/lineage.ts';
import { effectiveTtl, type ScopeReduction } from '../authority/event/delegation.ts';
import type { Event } from '../authority/event/index.ts';
import { refuseBanned, refuseHalted } from '../authority/find.ts';
import { uphold } from '../authority/kind.ts';
import { Refusal } from '../base/refusal.ts';
import { capabilityOf } from '../scope/capability.ts';
import type { Permissions } from '../scope/permissions.ts';
import { derive, eitherName } from './derive.ts';
import { launch, launchOf } from './launch.ts';
import { parentOfFirst, recalled, requestDigest } from './request.ts';
import * as piece from './schema.ts';
import { subjectOf } from './subject.ts';
import { type ChainPosition, type Context, tool } from './tool.ts';

const NAME = 'aga_delegate_to_subagent';
const DEFAULT_TTL = 1800;

const list = z.array(z.string());
const output = z.strictObject({
  success: z.literal(true).describe('Always true'),
  parent_artifact_hash: z.string().describe('Its parent'),
  child_artifact_hash: z.string().describe('The new artifact'),
  sub_agent_id: z.string().describe('Name of the sub-agent'),
  effective_ttl_seconds: z.int().describe('After clamping'),
  ttl_clamped: z.boolean().describe("Cut to the parent's remaining life"),
  expires_at: z.string().describe('UTC'),
  depth: z.int().describe('A root has 0'),
  scope_reduction: z
    .strictObject({
      tools_removed: list.describe('Tool patterns'),
      permissions_removed: list.describe('"capability pattern"'),
      triggers_removed: list.describe('Enforcement triggers'),
      measurement_types_removed: list.describe('Measurement types'),
    })
    .describe('What the child was not given'),
  scope_diminished: z.literal(true).describe('Always true'),
  permitted_tools: list.describe('Tool patterns'),
  permissions: piece.permissions.describe('Capability to patterns'),
  purpose: z.string().describe('As recorded'),
  enrollment: z
    .strictObject({
      token: z.string().describe('A secret, redeemed once'),
      expires_at: z.string().describe('UTC'),
      launch: z.record(z.string(), z.unknown()).describe('As launch, with the token in the environment'),
    })
    .optional()
    .describe('When enroll was asked for'),
  launch: launch.describe('Starts the sub-agent in a process of its own'),
  chain: piece.chain,
});

export const delegateToSubagent = tool({
  name: NAME,
  title: 'Delegate to a sub-agent',
  description:
    'Derives a signed child artifact that permits no more than its parent and ends with it. Use it before starting a sub-agent; ' +
    'aga_create_artifact is for roots. permissions gives exactly what it names; permitted_tools alone keeps ' +
    "the parent's files and hosts, neither keeps all; agent.delegate only when named. A ttl beyond the parent's is clamped. " +
    'More than the parent has is LEASE_SUBSET_VIOLATION, with the nearest that would pass.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.strictObject({
    sub_agent_id: piece.text(128).optional().describe('name, or name@version under "*@*". Omit for "sub-agent"'),
    parent_artifact_hash: piece.artifactHash.optional().describe("Omit for this session's"),
    ...piece.grant,
    requested_ttl_seconds: piece.ttl.optional().describe('Older name of ttl_seconds'),
    holder_public_key: piece.didKey.optional().describe('did:key that alone may act. Omit for none'),
    enroll: z.boolean().optional().describe('Also return an enrolment token'),
    delegation_purpose: piece.text(1024).optional().describe('Older name of delegation_reason'),
    request_id: piece.requestId.optional().describe('A repeat returns the first answer'),
  }),
  output,
  decide(input, context) {
    const { now } = context;
    const ttl = eitherName(input, 'ttl_seconds', 'requested_ttl_seconds') ?? DEFAULT_TTL;
    const purpose = eitherName(input, 'delegation_reason', 'delegation_purpose') ?? 'Sub-agent delegation';
    const subject = input.sub_agent_id ?? 'sub-agent';
    const parent = parentOfFirst(NAME, context, input) ?? subjectOf(context, input.parent_artifact_hash);
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
        scope_reduction: notGiven(event.scope_reduction, given) as z.infer<typeof output>['scope_reduction'],
        scope_diminished: true,
        permitted_tools: given['tool.call'] ?? [],
        permissions: given,
        purpose: artifact.purpose,
        ...(event.enroll && { enrollment: enrolmentOf(event.sealed, context) }),
        launch: launchOf({ ...artifact, hash }, { artifact: hash }, context.policy),
        chain: { sequence_number, entry_hash },
      };
    };
    const request = requestDigest(NAME, context, { ...input, parent_artifact_hash: parent.hash });
    const recall = recalled(context, request);
    if (recall !== undefined) return { recall, tell };

    const { holder_public_key: holder } = input;
    refuseBanned(context.state, holder);
    const { sealed, scope_reduction } = derive(parent, { ...input, subject, purpose, ttl, holder }, context);
    const enroll = input.enroll ?? false;
    return { event: { kind: 'DELEGATION', sealed, scope_reduction, enroll, request }, tell };
  },
});

/** The entry lists what the child's artifact does not repeat; what it has all the same, by leaving it out, is no loss. */
function notGiven(reduction: ScopeReduction, given: Permissions): ScopeReduction {
  const isLost = (removed: string): boolean => {
    const capability = removed.slice(0, removed.indexOf(' '));
    return given[capability] !== undefined || capabilityOf(capability)?.inherited !== true;
  };
  return { ...reduction, permissions_removed: reduction.permissions_removed.filter(isLost) };
}

function enrolmentOf({ artifact, hash }: Sealed, { enrolmentToken, policy, caller }: Context) {
  const token = enrolmentToken(hash);
  const bond = { token, server: caller.server };
  return { token, expires_at: artifact.expires_at, launch: launchOf({ ...artifact, hash }, bond, policy) };
}
