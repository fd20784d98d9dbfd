/** Ed25519 (RFC 8032) where there is no `node:crypto`: the offline verifier and the client library in a browser. */
import { getPublicKey, hashes, Point, sign } from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import { isWellFormed, type KeyPair, type SignatureJob } from './ed25519-rule.ts';

/** Gives the library its synchronous hash. */
hashes.sha512 = sha512;

const { n: L } = Point.CURVE();

/** The one rule of `ed25519-rule.ts`; bad input of any kind is `false`. The library's own `verify` multiplies by the cofactor, hence the equation here. */
export function verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (!isWellFormed(signature, publicKey)) return false;
  const key = decodePoint(publicKey);
  if (key === undefined) return false;
  const r = signature.subarray(0, 32);
  const k = scalar(sha512.create().update(r).update(publicKey).update(message).digest()) % L;
  // Nothing here is secret, so the faster multiplication that allows a zero is right.
  const left = Point.BASE.multiply(scalar(signature.subarray(32)), false)
    .subtract(key.multiply(k, false))
    .toBytes();
  return left.every((byte, i) => byte === r[i]);
}

/** Many verdicts, in the order of `jobs`; the node variant spreads them over threads. */
export async function verifyAll(jobs: readonly SignatureJob[]): Promise<boolean[]> {
  return jobs.map(({ signature, message, publicKey }) => verify(signature, message, publicKey));
}

/** A key pair from its 32-byte seed (RFC 8032 section 5.1.5). */
export function signer(seed: Uint8Array): KeyPair {
  if (seed.length !== 32) throw new TypeError('an Ed25519 seed has 32 bytes');
  const secret = seed.slice();
  return { publicKey: getPublicKey(secret), sign: (message) => sign(message, secret) };
}

function decodePoint(encoded: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(encoded);
  } catch {
    return undefined;
  }
}

function scalar(littleEndian: Uint8Array): bigint {
  let value = 0n;
  for (let i = littleEndian.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(littleEndian[i]!);
  return value;
}
