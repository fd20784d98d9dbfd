/** A lineage that its holder signed elsewhere is shown to the authority: judged by the whole law, and recorded on first sight. */
import * as z from 'zod';
import { MAX_DEPTH, open, type Sealed } from '../artifact/artifact.ts';
import { isProven } from '../artifact/enrolment.ts';
import { reduction } from '../authority/event/delegation.ts';
import { find, notFound, refuseBanned } from '../authority/find.ts';
import type { Grant } from '../authority/grant.ts';
import type { State } from '../authority/state.ts';
import type { Json } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import type { Caller } from '../caller.ts';
import type { Context, Step } from '../tools/tool.ts';
import type { Service } from './service.ts';

const statement = z.strictObject({
  artifact_hash: z.string(),
  token_id: z.string(),
  holder: z.string(),
  proof: z.string(),
});

/** As `derive` of the library makes it. */
export const presentation = z.strictObject({
  lineage: z
    .array(z.custom<Json>())
    .min(1)
    .max(MAX_DEPTH + 1)
    .describe('Signed artifacts, root first'),
  enrollments: z
    .array(statement)
    .max(MAX_DEPTH + 1)
    .optional()
    .describe('Enrolment statements of their holders'),
});
export type Presented = z.infer<typeof presentation>;

export interface Presenter {
  /** The caller that the transport has identified. */
  readonly caller: Caller;
  /** did:key that signed the request; null where nobody did. */
  readonly signedBy: string | null;
}

export interface Accepted {
  readonly leaf: Grant;
  /** How many of the artifacts were new to the chain. */
  readonly recorded: number;
}

/**
 * Accepts the lineage from its leaf's holder, from a caller that acts under one of its artifacts, or from the operator.
 * Throws `PERMISSION_DENIED` for anybody else: who holds less than the leaf says is not its holder.
 */
export async function present(service: Service, shown: Presented, presenter: Presenter): Promise<Accepted> {
  const line = linked(shown.lineage.map((artifact) => open(artifact)));
  const { caller } = presenter;
  const submit = <O>(writes: boolean, decide: (state: State) => Step<O>): Promise<O> => {
    const call = { name: 'present', caller, writes, decide: ({ state }: Context) => decide(state) };
    // Somebody known by a key alone has no artifact that could have ended, or that a refusal could be laid to.
    return caller.artifact === '' ? service.askAnyone(call) : service.ask(call);
  };
  await submit<null>(true, (state) => {
    if (!mayPresent(line, presenter, state)) {
      throw new Refusal(
        'PERMISSION_DENIED',
        'A lineage is presented by the holder of its last artifact, or from above.',
      );
    }
    refuseContradiction(line, shown.enrollments ?? [], state);
    return { answer: null };
  });
  let recorded = 0;
  for (const sealed of line) {
    const isNew = await submit<boolean>(true, (state) => {
      if (state.grants.has(sealed.hash)) return { answer: false };
      if (sealed.artifact.parent === null) throw notFound();
      refuseBanned(state, sealed.artifact.holder);
      const parent = find(state, sealed.artifact.parent);
      const scope_reduction = reduction(sealed.artifact.scope, parent.scope);
      return { event: { kind: 'DELEGATION', sealed, scope_reduction, enroll: false, request: null }, tell: () => true };
    });
    if (isNew) recorded += 1;
  }
  const leaf = await submit<Grant>(false, (state) => ({ answer: find(state, line.at(-1)?.hash ?? '') }));
  return { leaf, recorded };
}

function linked(line: readonly Sealed[]): readonly Sealed[] {
  for (const [at, { artifact }] of line.entries()) {
    if (artifact.parent !== (line[at - 1]?.hash ?? null)) {
      throw new Refusal(
        'INVALID_REQUEST',
        'The artifacts are not a lineage, in which the first is a root and each other the child of the one before.',
      );
    }
  }
  return line;
}

function mayPresent(line: readonly Sealed[], { caller, signedBy }: Presenter, state: State): boolean {
  if (caller.binding === 'operator' || line.some(({ hash }) => hash === caller.artifact)) return true;
  const leaf = line.at(-1);
  const holder = leaf && (leaf.artifact.holder ?? state.grants.get(leaf.hash)?.holder ?? null);
  return signedBy !== null && signedBy === holder;
}

/** What the chain says of a holder counts; a statement beside it may only agree. */
function refuseContradiction(
  line: readonly Sealed[],
  statements: Presented['enrollments'] & object,
  state: State,
): void {
  for (const { artifact_hash, token_id, holder, proof } of statements) {
    const isOfLineage = line.some(({ hash }) => hash === artifact_hash);
    const agrees = state.grants.get(artifact_hash)?.holder === holder;
    if (!isOfLineage || !agrees || !isProven(token_id, holder, proof)) {
      throw new Refusal('INVALID_REQUEST', 'An enrolment statement is not that of an artifact of this lineage.');
    }
  }
}
