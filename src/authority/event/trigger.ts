/** An enforcement trigger fires on an artifact, or the operator lifts what one has laid on it. */
import * as z from 'zod';
import { Refusal } from '../../base/refusal.ts';
import { TRIGGERS } from '../../scope/scope.ts';
import { asWritten, hash } from '../decode.ts';
import { find } from '../find.ts';
import { type Grant, lineage, type Restraint } from '../grant.ts';
import type { Kind } from '../kind.ts';
import type { State } from '../state.ts';

/** Not a duty: the operator's act that ends a suspension or isolation. */
export const RESUME = 'RESUME';

const schema = z.strictObject({
  kind: z.literal('TRIGGER'),
  artifact_hash: hash,
  trigger: z.enum([...TRIGGERS, RESUME]),
  /** Why, in a few words; never an argument's value. */
  cause: z.string().min(1).max(256),
});
export type Trigger = z.infer<typeof schema>;

/** The duties of a lineage are those of all of it, so a shorter list in a child weakens nothing. */
export function dutiesOf(grant: Grant): ReadonlySet<string> {
  return new Set(lineage(grant).flatMap(({ scope }) => scope.enforcement_triggers));
}

export const trigger: Kind<Trigger> = {
  ...asWritten(schema),
  names: ({ artifact_hash }) => [artifact_hash],
  check(state, { artifact_hash, trigger }) {
    const grant = find(state, artifact_hash);
    if (trigger !== RESUME && !dutiesOf(grant).has(trigger)) {
      throw new Refusal('INVALID_REQUEST', `${trigger} is not a duty of this lineage.`);
    }
  },
  evolve(state, { artifact_hash, trigger }, { sequence }) {
    const grant = state.grants.get(artifact_hash);
    if (!grant) return;
    if (trigger !== RESUME) state.refusals.fired.set(artifact_hash, state.time);
    EFFECTS[trigger]?.(grant, state, sequence);
  },
};

type Effect = (grant: Grant, state: State, sequence: number) => void;

const lay = (grant: Grant, restraint: Partial<Restraint>): void => {
  grant.restraint = { suspended: null, isolated: false, ...grant.restraint, ...restraint };
};

/** What is not listed is recorded here and carried out elsewhere: ALERT_ONLY by people, ACTUATOR_DISCONNECT by the gateway. */
const EFFECTS: { readonly [trigger: string]: Effect } = {
  // A suspension of the subtree is never narrowed to one of the artifact alone.
  QUARANTINE: (grant) => lay(grant, { suspended: grant.restraint?.suspended ?? 'alone' }),
  SAFE_STATE: (grant) => lay(grant, { suspended: 'subtree' }),
  NETWORK_ISOLATE: (grant) => lay(grant, { isolated: true }),
  TOKEN_INVALIDATE: (grant, state, sequence) => state.revoke(grant, sequence),
  TERMINATE: (grant, state, sequence) => state.revoke(grant, sequence),
  KEY_REVOKE: (grant, state, sequence) => {
    if (grant.holder !== null) state.ban(grant.holder, sequence);
  },
  [RESUME]: (grant, state) => {
    grant.restraint = null;
    state.refusals.forgive(grant.hash);
  },
};
