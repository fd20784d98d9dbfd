/** The pieces that the wire forms of several event kinds share. */
import * as z from 'zod';
import { Refusal } from '../base/refusal.ts';
import { sayFirst } from '../base/wording.ts';
import type { Wire } from './kind.ts';

/** Lower-case hex SHA-256. */
export const hash = z.string().regex(/^[0-9a-f]{64}$/);
/** A request_id as the chain keeps it: digests only; null where the caller gave none. */
export const request = z.strictObject({ key: hash, input: hash }).nullable();

/** The strict decoder of an event whose wire form is its schema. */
export function decodeWith<S extends z.ZodType>(schema: S): (wire: Wire) => z.infer<S> {
  return (wire) => {
    const decoded = schema.safeParse(wire);
    if (decoded.success) return decoded.data;
    throw new Refusal('INVALID_REQUEST', `Not a ${wire.kind} event: ${sayFirst(decoded.error.issues)}.`);
  };
}

/** Both directions of a kind of event that is written as its schema says. */
export const asWritten = <S extends z.ZodType<Wire>>(schema: S) => ({
  decode: decodeWith(schema),
  encode: (event: z.infer<S>): Wire => event,
});
