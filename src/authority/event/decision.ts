/** A call was judged, and the judgement stands before the call goes out. Arguments appear as a digest only. */
import * as z from 'zod';
import { BINDINGS } from '../../artifact/artifact.ts';
import { type Code, REFUSALS, Refusal } from '../../base/refusal.ts';
import { denials, intern, type Scope } from '../../scope/scope.ts';
import { asWritten, hash } from '../decode.ts';
import { find, refuseHalted } from '../find.ts';
import { lineage } from '../grant.ts';
import type { Kind } from '../kind.ts';
import { countCall, exhausted } from '../usage.ts';

const codes = Object.keys(REFUSALS) as [Code, ...Code[]]; // Object.keys forgets the literal names

const schema = z.strictObject({
  kind: z.literal('DECISION'),
  /** Whose act it was; null for an operator that had no artifact. */
  artifact_hash: hash.nullable(),
  verdict: z.enum(['permit', 'refuse']),
  /** Null on permit. */
  code: z.enum(codes).nullable(),
  /** The ancestor nearest the root that said no. */
  refused_by: hash.nullable(),
  /** `tool.call`, or what an enforcement point asked about. */
  capability: z.string().max(128),
  /** `<server>/<tool>`; null where the act was no tool call. */
  tool: z.string().max(1024).nullable(),
  /** Hex SHA-256 of the RFC 8785 form of the arguments; "" without any. */
  arguments_digest: z.string().regex(/^(?:[0-9a-f]{64})?$/),
  /** JSON-RPC id, for the record only. */
  request_id: z.union([z.string().max(256), z.int(), z.null()]),
  binding: z.enum(['operator', ...BINDINGS]),
  /** In shadow mode a refused call went out all the same. */
  mode: z.enum(['enforce', 'shadow']),
});
export type Decision = z.infer<typeof schema>;

export const decision: Kind<Decision> = {
  ...asWritten(schema),
  names: ({ artifact_hash }) => (artifact_hash === null ? [] : [artifact_hash]),
  check(state, event, { time }) {
    const { artifact_hash, verdict, code, tool, capability } = event;
    if ((verdict === 'permit') !== (code === null)) {
      throw new Refusal('INVALID_REQUEST', 'A refusal has a code, and a permit has none.');
    }
    if (verdict === 'refuse') return;
    const grant = find(state, artifact_hash ?? '');
    refuseHalted(grant, time);
    if (tool === null) return;
    for (const { scope } of lineage(grant)) {
      const [no] = denials(withoutRules(scope), { capability, resource: tool });
      if (no) throw new Refusal(no.code, no.message);
    }
    const over = exhausted(grant, time);
    if (over) throw new Refusal('LIMIT_EXCEEDED', `The limit ${over.limit} of the lineage is used up.`);
  },
  evolve(state, { artifact_hash, verdict, tool }, { time }) {
    const grant = artifact_hash === null ? undefined : state.grants.get(artifact_hash);
    if (!grant) return;
    if (verdict === 'refuse') state.refusals.count(grant.hash, state.time);
    else if (tool !== null) countCall(grant, time);
  },
};

const bare = new WeakMap<Scope, Scope>();

/** The arguments are not on the chain, so their rules cannot be asked again from it. */
function withoutRules(scope: Scope): Scope {
  if (scope.argument_rules.length === 0) return scope;
  const known = bare.get(scope) ?? intern({ ...scope, argument_rules: [] });
  bare.set(scope, known);
  return known;
}
