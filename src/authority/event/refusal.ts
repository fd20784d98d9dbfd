/** A known caller was told no. */
import * as z from 'zod';
import { BINDINGS } from '../../artifact/artifact.ts';
import { type Code, REFUSALS, Refusal } from '../../base/refusal.ts';
import { asWritten, hash } from '../decode.ts';
import { find } from '../find.ts';
import type { Kind } from '../kind.ts';

const codes = Object.keys(REFUSALS) as [Code, ...Code[]]; // Object.keys forgets the literal names

const schema = z.strictObject({
  kind: z.literal('REFUSAL'),
  code: z.enum(codes),
  /** The caller's artifact; null for the operator. */
  artifact_hash: hash.nullable(),
  binding: z.enum(['operator', ...BINDINGS]),
  /** What was asked for, by name. */
  tool: z.string().max(64),
});
export type RefusalEvent = z.infer<typeof schema>;

/** What refusals are counted under. */
export const OPERATOR = 'operator';

export const refusal: Kind<RefusalEvent> = {
  ...asWritten(schema),
  names: ({ artifact_hash }) => (artifact_hash === null ? [] : [artifact_hash]),
  check(state, { artifact_hash }, { time }) {
    if (artifact_hash !== null) find(state, artifact_hash);
    if (!state.refusals.mayRecord(artifact_hash ?? OPERATOR, time)) {
      throw new Refusal('LIMIT_EXCEEDED', 'Enough refusals of this caller are on the chain for this minute.');
    }
  },
  evolve(state, { artifact_hash, code }) {
    state.refusals.record(artifact_hash ?? OPERATOR, state.time);
    // A stranger's attempt on a token says nothing against the artifact: it must not fire its duties.
    if (artifact_hash !== null && code !== 'TOKEN_USED') state.refusals.count(artifact_hash, state.time);
  },
};
