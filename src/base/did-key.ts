/**
 * Ed25519 public keys as did:key text: `did:key:z` and the base58btc form of 0xed 0x01 (multicodec ed25519-pub) and the
 * 32 bytes. One key, one text: keys that are not canonical or of small order have none.
 */
import { base58 } from '@scure/base';
import { isUsableKey } from './ed25519-rule.ts';

const PREFIX = 'did:key:z';
/** Two fixed bytes in front leave one length in base58 for every key. */
const LENGTH = PREFIX.length + 47;

/** @throws TypeError when the bytes are no key that `verify` would accept. */
export function toDidKey(publicKey: Uint8Array): string {
  if (!isUsableKey(publicKey)) throw new TypeError('not a usable Ed25519 public key');
  const bytes = new Uint8Array(34);
  bytes.set([0xed, 0x01]);
  bytes.set(publicKey, 2);
  return PREFIX + base58.encode(bytes);
}

export function fromDidKey(text: string): Uint8Array | undefined {
  // Asked first: decoding base58 is quadratic.
  if (text.length !== LENGTH || !text.startsWith(PREFIX)) return undefined;
  let bytes: Uint8Array;
  try {
    bytes = base58.decode(text.slice(PREFIX.length));
  } catch {
    return undefined;
  }
  if (bytes.length !== 34 || bytes[0] !== 0xed || bytes[1] !== 0x01) return undefined;
  const publicKey = bytes.slice(2);
  return isUsableKey(publicKey) ? publicKey : undefined;
}
