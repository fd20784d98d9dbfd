/** Something was measured, and held against what it was when it was first measured. */
import * as z from 'zod';
import { Refusal } from '../../base/refusal.ts';
import { MEASUREMENTS } from '../../scope/scope.ts';
import { asWritten, hash } from '../decode.ts';
import { find } from '../find.ts';
import type { Kind } from '../kind.ts';

const digest = z.string().regex(/^(?:[0-9a-f]{64})?$/);

const schema = z.strictObject({
  kind: z.literal('MEASUREMENT'),
  /** For whose sake it was measured. */
  artifact_hash: hash,
  measurement_type: z.enum(MEASUREMENTS as [string, ...string[]]),
  /** What was measured: the name of an upstream. */
  subject: z.string().min(1).max(256),
  /** Hex SHA-256; "" where it was not measured. */
  digest,
  /** The digest that is expected: the first one measured, or the configured one; "" where there is none. */
  pinned: digest,
  /** Whether the two differ. */
  drift: z.boolean(),
  /** False: this type cannot be measured here, and nothing is known. */
  measured: z.boolean(),
});
export type Measurement = z.infer<typeof schema>;

export const pinOf = (type: string, subject: string): string => `${type} ${subject}`;

export const measurement: Kind<Measurement> = {
  ...asWritten(schema),
  names: ({ artifact_hash }) => [artifact_hash],
  check(state, event) {
    find(state, event.artifact_hash);
    const { measured, digest, pinned, drift } = event;
    if (measured !== (digest !== '')) throw new Refusal('INVALID_REQUEST', 'What was measured has a digest.');
    if (drift !== (measured && pinned !== digest))
      throw new Refusal('INVALID_REQUEST', 'drift is not what the digests say.');
    const pin = state.pins.get(pinOf(event.measurement_type, event.subject));
    if (measured && pin !== undefined && pin !== pinned)
      throw new Refusal('INVALID_REQUEST', 'Another digest is pinned.');
  },
  evolve(state, { measurement_type, subject, pinned, measured }) {
    const thing = pinOf(measurement_type, subject);
    if (measured && !state.pins.has(thing)) state.pins.set(thing, pinned);
  },
};
