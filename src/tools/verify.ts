import * as z from 'zod';
import { open, type Sealed } from '../artifact/artifact.ts';
import { breaches, type Held, heldBy, rootBreaches } from '../artifact/lineage.ts';
import type { Finding } from '../authority/audit.ts';
import { type Grant, lineage } from '../authority/grant.ts';
import { INDEX } from '../authority/indexed.ts';
import { fromDidKey } from '../base/did-key.ts';
import { Refusal } from '../base/refusal.ts';
import type { Entry } from '../chain/entry.ts';
import { headOf, noteOf } from './head.ts';
import * as piece from './schema.ts';
import { subjectOf } from './subject.ts';
import { type Reader, tool } from './tool.ts';
import { verifyEvidence } from './verify-evidence.ts';

const output = z.strictObject({
  valid: z.boolean().describe('True when nothing is wrong'),
  findings: z
    .array(
      z.strictObject({
        sequence_number: z.int().nullable().describe('The entry that is wrong; null for the chain as a whole'),
        rule: z.string().describe('The rule that is broken'),
        message: z.string().describe('What is wrong there'),
      }),
    )
    .describe('Everything that is wrong, at most 200'),
  entries_checked: z.int().describe('Entries read and recomputed'),
  signatures_checked: z.int().describe('Signatures judged'),
  head: z
    .strictObject({
      size: z.int().describe('Entries on the chain'),
      root_hash: z.string().describe('RFC 9162 tree root, hex'),
      checkpoint: z.string().describe('The same as a C2SP signed note'),
    })
    .describe('Where the chain ends'),
});

export const verify = tool({
  name: 'aga_verify',
  title: 'Verify chain, artifact or evidence',
  description:
    'Recomputes evidence instead of believing it. Target "chain" checks every hash, link, root, checkpoint and signature and replays the law, naming ' +
    'each fault with its entry number; "artifact" checks one lineage; "bundle" a file of aga_export_evidence. Use it before you rely on ' +
    'history, which aga_query_chain reads; what is permitted now says aga_check_permission. Writes nothing. Faults are findings and no errors.',
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    target: z.enum(['chain', 'artifact', 'bundle']).optional().describe('Omit for what is named, else "chain"'),
    artifact_hash: piece.artifactHash.optional().describe("For artifact. Omit for this session's"),
    bundle_path: z.string().max(4096).optional().describe('For bundle: a path or aga://evidence/{id}'),
    trust: z.string().max(128).optional().describe('did:key of the authority to trust. Omit for this one'),
  }),
  output,
  decide(input, context) {
    const { trust } = input;
    const target = targetOf(input);
    refuseMisnamed(input, target);
    if (trust !== undefined && !fromDidKey(trust))
      throw new Refusal('INVALID_REQUEST', 'trust is not an Ed25519 did:key.');
    if (target === 'chain') return { later: (reader) => verifyChain(reader, trust) };
    if (target === 'bundle') {
      const judge = verifyEvidence(input.bundle_path, trust, context);
      return {
        async later(reader) {
          const { checkpoint, ...verdict } = await judge(reader);
          return { ...verdict, head: noteOf(checkpoint) };
        },
      };
    }
    const grant = subjectOf(context, input.artifact_hash);
    const authority = trust ?? context.state.authority ?? '';
    return { later: (reader) => verifyLineage(reader, lineage(grant), authority) };
  },
  whenBroken: (input) => async (reader, why) => {
    if (targetOf(input) !== 'chain') throw why;
    const report = await verifyChain(reader, input.trust);
    // Whatever broke it, an audit that sees nothing wrong with the chain must not be read as an all-clear.
    if (report.findings.some(({ rule }) => rule !== INDEX)) return report;
    const seen = { sequence_number: null, rule: 'chain', message: why.message };
    return { ...report, valid: false, findings: [seen, ...report.findings] };
  },
});

interface Named {
  readonly target?: 'chain' | 'artifact' | 'bundle' | undefined;
  readonly artifact_hash?: string | undefined;
  readonly bundle_path?: string | undefined;
}

function targetOf({ target, artifact_hash, bundle_path }: Named): NonNullable<Named['target']> {
  if (target !== undefined) return target;
  return bundle_path !== undefined ? 'bundle' : artifact_hash !== undefined ? 'artifact' : 'chain';
}

/** A yes must not be about something else than what was named. */
function refuseMisnamed(input: Named, target: string): void {
  for (const [member, its] of [
    ['bundle_path', 'bundle'],
    ['artifact_hash', 'artifact'],
  ] as const) {
    if (input[member] === undefined || its === target) continue;
    throw new Refusal(
      'INVALID_REQUEST',
      `${member} is for target "${its}", and what would be judged is the ${target}.`,
    );
  }
}

async function verifyChain(reader: Reader, trust: string | undefined): Promise<z.infer<typeof output>> {
  const report = await reader.audit(trust);
  const { head } = await reader.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
  return { valid: report.findings.length === 0, ...report, findings: [...report.findings], head: headOf(head) };
}

async function verifyLineage(
  reader: Reader,
  line: readonly Grant[],
  authority: string,
): Promise<z.infer<typeof output>> {
  const findings: Finding[] = [];
  let parent: Held | null = null;
  for (const grant of line) {
    const sealed = await sealedAt(reader, grant.sequence);
    const found = parent ? breaches(sealed, parent, authority) : rootBreaches(sealed, authority);
    if (sealed.hash !== grant.hash)
      found.push({ code: 'INVALID_REQUEST', rule: 'artifact_hash', message: 'The chain holds another artifact here.' });
    findings.push(...found.map(({ rule, message }) => ({ sequence_number: grant.sequence, rule, message })));
    parent = heldBy(sealed, parent, grant.holder);
  }
  const { head } = await reader.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
  const checked = { entries_checked: line.length, signatures_checked: line.length };
  return { valid: findings.length === 0, findings, ...checked, head: headOf(head) };
}

async function sealedAt(reader: Reader, sequence: number): Promise<Sealed> {
  const [row] = (await reader.read({ after: sequence - 1, limit: 1 })).rows;
  const { event } = JSON.parse(row?.entry ?? '{"event":{}}') as Entry; // our own bytes
  return open(event.artifact ?? null);
}
