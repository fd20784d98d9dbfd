import * as z from 'zod';
import { seal } from '../artifact/artifact.ts';
import type { Event } from '../authority/event/index.ts';
import { toDidKey } from '../base/did-key.ts';
import { formatInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import { ownArtifact } from '../caller.ts';
import { createdAt, recalled, requestDigest } from './request.ts';
import { rootScope } from './requested-scope.ts';
import * as piece from './schema.ts';
import { type ChainPosition, tool } from './tool.ts';

const NAME = 'aga_create_artifact';
const output = z.strictObject({
  success: z.literal(true).describe('Always true'),
  artifact_hash: z.string().describe('Identifies the artifact; 64 hex digits'),
  subject: z.string().describe('As given'),
  permissions: piece.permissions.describe('What it permits: capability to patterns'),
  expires_at: z.string().describe('UTC'),
  issuer_public_key: z.string().describe('did:key of the authority'),
  chain: piece.chain,
});

export const createArtifact = tool({
  name: NAME,
  title: 'Create a root artifact',
  description:
    'Creates a root artifact: a signed statement of what a coordinator may hand out, from which every delegation descends. ' +
    'Use it once per task: a second replaces it here, and upstream tools are listed only under one; ' +
    'sub-agents get theirs by aga_delegate_to_subagent. Operator sessions only, else NOT_OPERATOR. ' +
    'Without permissions and permitted_tools it holds all but cost.budget, else exactly those, and agent.delegate ' +
    'unless named. Writes one entry.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.strictObject({
    subject: piece.text(128).optional().describe('Its agent. Omit for "coordinator"'),
    permitted_tools: piece.patterns
      .optional()
      .describe(
        'Patterns "server/tool", listed as server__tool; * in a segment, ** any. Short for permissions["tool.call"]',
      ),
    permissions: piece.permissions
      .optional()
      .describe('Capability to patterns, e.g. {"fs.read":["/ws/**"],"net.fetch":["https://example.com/**"]}'),
    argument_rules: piece.argumentRules
      .optional()
      .describe(
        'What tools may be called with, nothing else: [{"tool":"fs/write","arguments":{"path":{"under":"/ws"},"text":{"any":true}}}]. Kinds: equals, one_of, under, url, matches (glob), min, max, max_bytes, each, any; "optional":true',
      ),
    limits: piece.limits.optional().describe('Calls by its subtree: calls, calls_per_minute'),
    policy_preset: piece.preset.optional().describe('isolated, sandboxed, coordinator or a configured name'),
    enforcement_triggers: piece.names.optional().describe('Duties on violation. Omit for ["ALERT_ONLY"]'),
    measurement_types: piece.names.optional().describe('What is measured. Omit for none'),
    ttl_seconds: piece.ttl.optional().describe('Seconds to live. Omit for 3600'),
    max_depth: piece.maxDepth.optional().describe('Delegation levels below it. Omit for 3'),
    max_children: piece.maxChildren.optional().describe('Live children at once. Omit for 32'),
    purpose: piece.text(1024).optional().describe('Why, for the chain. Omit for "Root artifact"'),
    request_id: piece.requestId.optional().describe('A repeat returns the first answer'),
  }),
  output,
  decide(input, context) {
    const { caller, now, authority, state } = context;
    if (caller.artifact !== null) {
      throw new Refusal(
        'NOT_OPERATOR',
        'A session bound to an artifact cannot create a root; use aga_delegate_to_subagent.',
      );
    }
    const { session } = caller;
    const tell = (event: Event, { sequence_number, entry_hash }: ChainPosition): z.infer<typeof output> => {
      if (event.kind !== 'ARTIFACT_CREATED') throw new TypeError('a root is told from its own entry');
      const { artifact, hash } = event.sealed;
      session.lastRoot = recall === undefined ? hash : (session.lastRoot ?? hash);
      return {
        success: true,
        artifact_hash: hash,
        subject: artifact.subject,
        permissions: artifact.scope.permissions as Record<string, string[]>, // only its type is readonly
        expires_at: artifact.expires_at,
        issuer_public_key: artifact.issuer,
        chain: { sequence_number, entry_hash },
      };
    };
    const request = requestDigest(NAME, context, input);
    const recall = recalled(context, request);
    if (recall !== undefined) {
      const root = ownArtifact(caller, state) === null && createdAt(state, recall);
      if (root) session.decidedRoot = root.hash;
      return { recall, tell };
    }

    const sealed = seal(
      {
        authority: toDidKey(authority.publicKey),
        parent: null,
        depth: 0,
        holder: null,
        subject: input.subject ?? 'coordinator',
        purpose: input.purpose ?? 'Root artifact',
        nonce: context.nonce(),
        issued_at: formatInstant(now),
        expires_at: formatInstant(now + (input.ttl_seconds ?? 3600) * 1000),
        scope: rootScope(input, context.policy),
        terms: { preset: input.policy_preset ?? null, min_binding: 'handle', budget_mode: null },
        delegation: { max_depth: input.max_depth ?? 3, max_children: input.max_children ?? 32 },
      },
      authority,
    );
    session.decidedRoot = sealed.hash;
    return { event: { kind: 'ARTIFACT_CREATED', sealed, request }, tell };
  },
});
