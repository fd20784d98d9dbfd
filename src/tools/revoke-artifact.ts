import * as z from 'zod';
import type { Event } from '../authority/event/index.ts';
import { ended, type Grant, subtree } from '../authority/grant.ts';
import * as piece from './schema.ts';
import { subjectOf } from './subject.ts';
import { type ChainPosition, tool } from './tool.ts';

const output = z.strictObject({
  success: z.literal(true).describe('Always true: the artifact permits nothing any more (or would not, in a dry run)'),
  revoked: z.array(z.string()).describe('Hashes that this call ended, the named one first'),
  revoked_count: z.int().describe('How many'),
  already_revoked: z.boolean().describe('True when it, or an ancestor, was revoked before; nothing was written'),
  dry_run: z.literal(true).optional().describe('Present in a dry run: nothing was ended'),
  chain: piece.chain.nullable().describe('The entry that records the revocation; null in a dry run'),
});

export const revokeArtifact = tool({
  name: 'aga_revoke_artifact',
  title: 'Revoke an artifact and its subtree',
  description:
    'Ends an artifact and everything delegated from it, for ever and in every process: their next call is refused with ARTIFACT_REVOKED. ' +
    'Use it when a sub-agent is done or no longer trusted; dry_run, or aga_inspect with view "tree", shows what would end. ' +
    'A bound session revokes itself and what it delegated, the operator anything. Writes one entry; repeating writes none.',
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    artifact_hash: piece.artifactHash.describe('64 hex digits, see aga_inspect'),
    reason: piece.text(1024).describe('Why; in the chain for ever, so no secrets'),
    dry_run: z.boolean().optional().describe('True: say what would end, change nothing'),
  }),
  output,
  decide(input, context) {
    const { now, caller } = context;
    const grant = subjectOf(context, input.artifact_hash);
    const before = ended(grant, now);
    const cut = revocationOf(grant);
    if (cut) {
      const answer = { success: true as const, revoked: [], revoked_count: 0, already_revoked: true };
      return {
        async later(reader) {
          const [row] = (await reader.read({ after: cut.sequence - 1, limit: 1 })).rows;
          return {
            ...answer,
            chain: row ? { sequence_number: row.sequence_number, entry_hash: row.entry_hash } : null,
          };
        },
      };
    }
    const revoked = before ? [grant.hash] : live(grant, now);
    const done = { success: true as const, revoked, revoked_count: revoked.length, already_revoked: false };
    if (input.dry_run) return { answer: { ...done, dry_run: true as const, chain: null } };
    return {
      event: { kind: 'REVOCATION', artifact_hash: grant.hash, reason: input.reason, by: caller.artifact },
      tell: (_event: Event, { sequence_number, entry_hash }: ChainPosition) => ({
        ...done,
        chain: { sequence_number, entry_hash },
      }),
    };
  },
});

/** The revocation that ended it: its own, or the one nearest the root. */
function revocationOf(grant: Grant): { sequence: number } | null {
  let found: number | null = null;
  for (let at: Grant | null = grant; at; at = at.parent) found = at.revoked ?? found;
  return found === null ? null : { sequence: found };
}

/** What a revocation of a live grant ends: the grant and its live descendants, parents before children. */
function live(grant: Grant, now: number): string[] {
  const hashes: string[] = [];
  for (const each of subtree(grant)) if (!ended(each, now)) hashes.push(each.hash);
  return hashes;
}
