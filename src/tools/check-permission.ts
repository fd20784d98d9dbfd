import * as z from 'zod';
import { available } from '../authority/authorize.ts';
import { decide, type Judgement } from '../authority/decide.ts';
import { type Grant, introduced } from '../authority/grant.ts';
import type { Json } from '../base/canonical.ts';
import { asked } from './asked.ts';
import * as piece from './schema.ts';
import { subjectOf } from './subject.ts';
import { tool } from './tool.ts';

type JsonObject = { readonly [name: string]: Json };

const output = z.strictObject({
  allowed: z.boolean().describe('Whether the whole lineage permits it now'),
  code: z.string().nullable().describe('Why not; null when allowed'),
  reason: z.string().describe('The rule that decided, in words'),
  refused_by: piece.refusedBy.describe('Who removed the right; null when allowed'),
  nearest_allowed: z
    .array(z.string())
    .nullable()
    .describe('Patterns of that capability which the artifact holds; empty when none; null when allowed'),
});

export const checkPermission = tool({
  name: 'aga_check_permission',
  title: 'Check a permission',
  description:
    'Answers whether an artifact permits one act right now, asking every ancestor of its lineage: expiry, revocation and scope. Use it before an ' +
    'expensive step or to explain a refusal; aga_inspect shows all. Resources: tool.call "server/tool", ' +
    'fs.read and fs.write a path, net.fetch a URL, agent.delegate "name@version", cost.budget "USD:2.00". ' +
    'Writes nothing. A no is an answer that names the ancestor it comes from.',
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    artifact_hash: piece.artifactHash.optional().describe("Omit for this session's"),
    capability: z.string().max(128).describe('For example "tool.call", "fs.write"'),
    resource: z.string().max(4096).describe('What the act touches'),
    arguments: z.record(z.string().max(512), z.unknown()).optional().describe('Of a tool.call. Omit for {}'),
  }),
  output,
  decide(input, context) {
    const grant = subjectOf(context, input.artifact_hash);
    const { capability, resource } = input;
    const act = { capability, resource, ...(input.arguments && { arguments: input.arguments as JsonObject }) }; // from JSON
    const question = {
      ...asked(act, context.policy),
      argumentsDigest: '',
      requestId: null,
      binding: 'operator',
    } as const;
    return {
      answer: permissionAnswer(grant, capability, decide(grant, { ...question, mode: 'enforce' }, context.now)),
    };
  },
});

/** Where less, or something else of the same capability, would be a yes. */
const NARROWER: ReadonlySet<string> = new Set(['PERMISSION_DENIED', 'BUDGET_EXHAUSTED']);

/** A verdict as it is told. */
export function permissionAnswer(
  grant: Grant,
  capability: string,
  { event: { code }, message, by, lacking }: Judgement,
): z.infer<typeof output> {
  if (code === null) {
    const reason = `Permitted by every artifact of the lineage (${grant.depth + 1}).`;
    return { allowed: true, code: null, reason, refused_by: null, nearest_allowed: null };
  }
  return {
    allowed: false,
    code,
    reason: message,
    refused_by: by && introduced(by),
    nearest_allowed: NARROWER.has(code) ? [...available(grant, lacking ?? capability)] : [],
  };
}
