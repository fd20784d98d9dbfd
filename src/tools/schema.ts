/** Schema pieces that several tools share; every property is described, and every object is strict. */
import * as z from 'zod';
import { BINDINGS, MAX_CHILDREN, MAX_DEPTH } from '../artifact/artifact.ts';
import { label } from '../artifact/label.ts';
import { fromDidKey } from '../base/did-key.ts';

const MAX_TTL = 315_360_000;

export const artifactHash = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits');
export const didKey = z
  .string()
  .refine((text) => fromDidKey(text) !== undefined, 'must be the did:key of an Ed25519 key');
export const patterns = z.array(z.string().max(512)).max(256);
export const permissions = z.record(z.string().max(128), patterns);
/** Rules and limits are judged where they are parsed, with words of their own. */
export const argumentRules = z.array(z.record(z.string().max(64), z.unknown())).max(256);
export const limits = z.record(z.string().max(64), z.int().min(0));
export const preset = z.string().min(1).max(64);
export const names = z.array(z.string().max(64)).max(64);
export const ttl = z.int().min(1).max(MAX_TTL);
export const text = label;
export const maxDepth = z.int().min(0).max(MAX_DEPTH);
export const maxChildren = z.int().min(0).max(MAX_CHILDREN);
export const budgetMode = z.enum(['slice', 'pool']);
/** Whatever its form: one that nobody has given out is not found. */
export const jobId = z.string().max(128);
export const wait = z.number().min(0).max(300);
export const requestId = z.string().min(1).max(128);

/** What may be asked of a child, whichever way it comes to be. */
export const grant = {
  permitted_tools: patterns.optional().describe("Only tool.call; the rest stays the parent's"),
  permissions: permissions.optional().describe('Tools, and fs.*, net.fetch for their paths and URLs'),
  argument_rules: argumentRules.optional().describe("As for a root, beside the ancestors'"),
  limits: limits.optional().describe("calls, calls_per_minute, beside the ancestors'"),
  policy_preset: preset
    .optional()
    .describe('isolated, sandboxed (no writes), coordinator (may delegate) or a configured name'),
  enforcement_triggers: names.optional().describe("Omit for the parent's"),
  measurement_types: names.optional().describe("Omit for the parent's"),
  ttl_seconds: ttl.optional().describe('Seconds to live. Omit for 1800'),
  max_depth: maxDepth.optional().describe("Omit for the parent's - 1, or 0 without agent.delegate"),
  max_children: maxChildren.optional().describe('Live children at once. Omit for 32'),
  min_binding: z.enum(BINDINGS).optional().describe("Weakest caller, in this order. Omit for the parent's"),
  budget_mode: budgetMode.optional().describe('Omit for slice with cost.budget, else pool'),
  delegation_reason: label(1024).optional().describe('Why, for the chain. Omit for "Sub-agent delegation"'),
};

/** The same, described where it is described at length. */
export const sameGrant = Object.fromEntries(
  Object.entries(grant).map(([name, piece]) => [name, piece.describe('Same')]),
) as typeof grant; // the same names, the same types

export const chain = z
  .strictObject({
    sequence_number: z.int().describe('From 0'),
    entry_hash: z.string().describe('RFC 9162 leaf hash, hex'),
  })
  .describe('The entry that records it');

export const refusedBy = z
  .strictObject({
    artifact_hash: z.string().describe('The one nearest the root that says no'),
    subject: z.string().describe('Its subject'),
    depth: z.int().describe('Its depth; 0 is a root'),
  })
  .nullable();
