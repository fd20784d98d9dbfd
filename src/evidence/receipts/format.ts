/**
 * Governance receipts: the receipt and bundle of the public draft "Cryptographic Governance Receipts for MCP Gateways",
 * algorithm `Ed25519-SHA256-JCS`, so that verifiers written for it can read our decisions.
 *
 *     signature              = Ed25519 over the RFC 8785 form of the receipt without `signature`, hex
 *     previous_receipt_hash  = SHA-256 of the RFC 8785 form of the receipt before, hex; "" for the first
 *     leaf                   = the same hash of a receipt; a node is SHA-256 of its two children's 32 bytes each, without
 *                              prefixes, and a node without a sibling moves up as it is
 *     arguments_hash         = "" without arguments, else SHA-256 of their RFC 8785 form, hex
 */
import * as z from 'zod';
import { sha256, sha256Hex } from '#digest';
import { canonicalize } from '../../base/canonical.ts';
import { fromHex, toHex } from '../../base/encoding.ts';

export const ALGORITHM = 'Ed25519-SHA256-JCS';

const hex = (digits: number) =>
  z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`), `not ${digits} lower-case hex digits`);
const hash = hex(64);
const uuid = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, 'not a UUID of version 4');
const TIME = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
/** One check, one finding. `Date` moves a day that does not exist, such as 30 February, to one that does. */
const time = z.string().refine((text) => {
  const at = TIME.test(text) ? Date.parse(text) : Number.NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text.slice(0, 19));
}, 'not a UTC time');

const receipt = z.strictObject({
  receipt_id: uuid,
  receipt_version: z.literal('1.0'),
  algorithm: z.string(),
  timestamp: time,
  request_id: z.union([z.string(), z.number(), z.null()]),
  method: z.string(),
  tool_name: z.string(),
  decision: z.enum(['PERMITTED', 'DENIED']),
  reason: z.string(),
  policy_reference: z.string(),
  arguments_hash: z.union([z.literal(''), hash]),
  previous_receipt_hash: z.union([z.literal(''), hash]),
  gateway_id: z.string(),
  signature: hex(128),
  public_key: hash,
});
export type Receipt = z.infer<typeof receipt>;

const proof = z.strictObject({
  leaf_hash: hash,
  leaf_index: z.int().min(0),
  siblings: z.array(hash),
  directions: z.array(z.enum(['left', 'right'])),
  merkle_root: hash,
});
export type Proof = z.infer<typeof proof>;

export const schema = z.strictObject({
  schema_version: z.literal('1.0'),
  bundle_id: uuid,
  algorithm: z.string(),
  generated_at: time,
  gateway_id: z.string(),
  public_key: hash,
  policy_reference: z.string(),
  receipts: z.array(receipt),
  merkle_root: hash,
  merkle_proofs: z.array(proof),
  offline_capable: z.literal(true),
});
export type ReceiptBundle = z.infer<typeof schema>;

const utf8 = new TextEncoder();

export function signedBytes({ signature: _, ...unsigned }: Omit<Receipt, 'signature'> & { signature?: string }) {
  return utf8.encode(canonicalize(unsigned));
}

export const hashOf = (signed: Receipt): string => sha256Hex(canonicalize(signed));

/** Every level of the tree over these leaves, the leaves first, the root last. */
export function levelsOf(leaves: readonly string[]): string[][] {
  const levels: string[][] = [[...leaves]];
  for (let below = levels[0]!; below.length > 1; ) {
    const level: string[] = [];
    for (let i = 0; i < below.length; i += 2)
      level.push(i + 1 < below.length ? node(below[i]!, below[i + 1]!) : below[i]!);
    levels.push(level);
    below = level;
  }
  return levels;
}

function node(left: string, right: string): string {
  return toHex(sha256(fromHex(left + right) ?? new Uint8Array()));
}

/** On which side the siblings of a leaf stand, from the leaf upwards. */
export function directionsOf(index: number, count: number): ('left' | 'right')[] {
  const directions: ('left' | 'right')[] = [];
  for (let [at, width] = [index, count]; width > 1; [at, width] = [Math.floor(at / 2), Math.ceil(width / 2)]) {
    if (at % 2 === 1) directions.push('left');
    else if (at + 1 < width) directions.push('right');
  }
  return directions;
}

/** The root that a proof adds up to. */
export function rootOf({ leaf_hash, siblings, directions }: Proof): string {
  return siblings.reduce(
    (at, sibling, i) => (directions[i] === 'left' ? node(sibling, at) : node(at, sibling)),
    leaf_hash,
  );
}
