/**
 * The part of the one Ed25519 rule that looks at bytes only, shared by both implementations.
 *
 * Valid means: key and R canonical (y < p) and not of small order, S < L, and the bytes of R equal the encoding of
 * S·B − k·A (RFC 8032 section 5.1.7 without the cofactor). Libraries, and versions of one library, disagree about the
 * first three clauses, so they are decided here, and the library is asked for the equation alone.
 */

/** Whether any signature can be valid under this key; asked where a key is first seen, too. */
export function isUsableKey(publicKey: Uint8Array): boolean {
  return publicKey.length === 32 && isUsablePoint(publicKey, 0);
}

/** Whether the equation is worth asking: lengths, canonical encodings, no small order, S in range. */
export function isWellFormed(signature: Uint8Array, publicKey: Uint8Array): boolean {
  return signature.length === 64 && isUsableKey(publicKey) && isUsablePoint(signature, 0) && isReduced(signature);
}

/** A key pair whose secret half stays behind the function. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** One signature to be judged. */
export interface SignatureJob {
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** L, the order of the base point, little-endian: 2^252 + 27742317777372353535851937790883648493. */
const L = bytes('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');

/** The y coordinates of the eight points of small order, little-endian, without the sign of x: 0, 1, −1 and the two of order 8. */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
].map(bytes);

function isUsablePoint(encoded: Uint8Array, from: number): boolean {
  return isBelowP(encoded, from) && !SMALL_ORDER.some((point) => isSameY(encoded, from, point));
}

/** p = 2^255 − 19 is ed ff … ff 7f: only an encoding that ends like it can reach it. */
function isBelowP(encoded: Uint8Array, from: number): boolean {
  if ((encoded[from + 31]! & 0x7f) !== 0x7f || encoded[from]! < 0xed) return true;
  for (let i = from + 1; i < from + 31; i++) if (encoded[i] !== 0xff) return true;
  return false;
}

function isSameY(encoded: Uint8Array, from: number, y: Uint8Array): boolean {
  if ((encoded[from + 31]! & 0x7f) !== y[31]) return false;
  for (let i = 0; i < 31; i++) if (encoded[from + i] !== y[i]) return false;
  return true;
}

/** S, the second half of the signature, is below L. */
function isReduced(signature: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = signature[32 + i]! - L[i]!;
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
