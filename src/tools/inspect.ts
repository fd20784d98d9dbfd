import * as z from 'zod';
import { amountsOf, budgetLeft } from '../authority/budget.ts';
import { notFound } from '../authority/find.ts';
import { ended, type Grant, introduced, lineage, subtree } from '../authority/grant.ts';
import { leftOf } from '../authority/usage.ts';
import { formatInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import { ownArtifact } from '../caller.ts';
import type { Entry } from '../chain/entry.ts';
import { drawTree } from './drawing.ts';
import * as piece from './schema.ts';
import { type Node, node, status, statusOf } from './status.ts';
import { namedOrOwn, subjectOf } from './subject.ts';
import { type Context, type Reader, tool } from './tool.ts';

/** A tree larger than this is cut, and says so. */
const MOST_NODES = 200;

const link = z.strictObject({
  artifact_hash: z.string().describe('Artifact'),
  subject: z.string().describe('Name of the agent'),
  depth: z.int().describe('0 is a root'),
  status: status.optional().describe('In your own subtree'),
  expires_at: z.string().optional().describe('UTC; in your own subtree'),
});

const output = z.strictObject({
  artifact_hash: z.string().nullable().describe('null for the tree of all roots'),
  status: status.nullable().describe('null for the tree of all roots'),
  artifact: z.record(z.string(), z.unknown()).optional().describe('The signed artifact, as hashed'),
  lineage: z.array(link).optional().describe('Root first'),
  tree: z.array(node).optional().describe('Parents before children'),
  drawing: z.string().optional().describe('The tree as text'),
});

export const inspect = tool({
  name: 'aga_inspect',
  title: 'Inspect artifacts',
  description:
    'Shows an artifact (view "artifact"), where it comes from (view "lineage": root first) or what was ' +
    'delegated from it (view "tree": status, expiry, what is left, and a drawing). Use it to find hashes or what a revocation ' +
    'would end; for one act use aga_check_permission, for history aga_query_chain. An operator without an artifact sees all roots, ' +
    'a bound session its subtree. Writes nothing.',
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    artifact_hash: piece.artifactHash.optional().describe("Omit for this session's"),
    view: z.enum(['artifact', 'lineage', 'tree']).optional().describe('What to show. Omit for "artifact"'),
  }),
  output,
  decide(input, context) {
    const view = input.view ?? 'artifact';
    if (view === 'tree' && isForest(input, context)) return { answer: { ...forest(context) } };
    const grant = grantOrPast(input, context);
    if (typeof grant === 'string') return { later: (reader) => past(reader, grant, view) };
    const now = context.now;
    const shown = { artifact_hash: grant.hash, status: statusOf(grant, now) };
    if (view === 'tree') return { answer: { ...shown, ...treeOf([grant], now) } };
    if (view === 'lineage') return { answer: { ...shown, lineage: linksOf(grant, context) } };
    return { later: async (reader) => ({ ...shown, artifact: await bodyAt(reader, grant.sequence) }) };
  },
});

type Input = { readonly artifact_hash?: string | undefined };

/** An operator who names nothing and has no root, or none that is remembered. */
function isForest(input: Input, { caller, state }: Context): boolean {
  const own = ownArtifact(caller, state);
  return input.artifact_hash === undefined && caller.artifact === null && (own === null || !state.grants.has(own));
}

/** The grant, or the hash of one that expired so long ago that only the chain knows it: the operator may still see that. */
function grantOrPast(input: Input, context: Context): Grant | string {
  const { state, caller } = context;
  const hash = namedOrOwn(context, input.artifact_hash);
  if (caller.artifact === null && !state.grants.has(hash)) return hash;
  return subjectOf(context, input.artifact_hash);
}

async function past(reader: Reader, hash: string, view: string): Promise<z.infer<typeof output>> {
  const { rows } = await reader.read({ after: -1, limit: 1, names: hash });
  const [row] = rows;
  if (!row) throw notFound();
  if (view !== 'artifact') {
    throw new Refusal(
      'LEASE_EXPIRED',
      'The artifact expired long ago; view "artifact" and aga_query_chain still show it.',
    );
  }
  return { artifact_hash: hash, status: 'expired', artifact: await bodyAt(reader, row.sequence_number) };
}

/** The artifact that the entry at this place created. */
async function bodyAt(reader: Reader, sequence: number): Promise<Record<string, unknown>> {
  const [row] = (await reader.read({ after: sequence - 1, limit: 1 })).rows;
  if (!row) throw notFound();
  const { event } = JSON.parse(row.entry) as Entry; // our own bytes
  return event.artifact as Record<string, unknown>;
}

function linksOf(grant: Grant, { caller, now }: Context): z.infer<typeof link>[] {
  let own = caller.artifact === null;
  return lineage(grant).map((each) => {
    own ||= each.hash === caller.artifact;
    const seen = introduced(each);
    return own ? { ...seen, status: statusOf(each, now), expires_at: formatInstant(each.expires) } : seen;
  });
}

function forest({ state, now }: Context): z.infer<typeof output> {
  const roots = [...state.grants.values()].filter(({ parent }) => parent === null);
  return { artifact_hash: null, status: null, ...treeOf(roots, now) };
}

function treeOf(roots: readonly Grant[], now: number): { tree: Node[]; drawing: string } {
  const all = roots.flatMap((root) => [...subtree(root)]);
  const cut = Math.max(0, all.length - MOST_NODES);
  const tree = (cut > 0 ? livingFirst(all, now) : all).slice(0, MOST_NODES).map((each) => nodeOf(each, now));
  return { tree, drawing: drawTree(tree, now, cut) };
}

/** Parents stay before their children: nothing below what has ended lives. */
function livingFirst(grants: readonly Grant[], now: number): Grant[] {
  const over = new Set(grants.filter((grant) => ended(grant, now)));
  return [...grants.filter((grant) => !over.has(grant)), ...over];
}

function nodeOf(grant: Grant, now: number): Node {
  const over = ended(grant, now);
  return {
    artifact_hash: grant.hash,
    parent_artifact_hash: grant.parent?.hash ?? null,
    subject: grant.subject,
    depth: grant.depth,
    status: statusOf(grant, now),
    expires_at: formatInstant(grant.expires),
    live_children: over ? 0 : grant.liveChildren,
    limits_left: leftOf(grant, now),
    budget_left: amountsOf(over ? new Map() : budgetLeft(grant)),
  };
}
