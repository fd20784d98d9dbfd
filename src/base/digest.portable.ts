/** SHA-256 (FIPS 180-4) where there is no `node:crypto`; text is hashed as UTF-8. */
import { sha256 as digest } from '@noble/hashes/sha2.js';
import { toHex } from './encoding.ts';

const UTF8 = new TextEncoder();

export function sha256(data: Uint8Array | string): Uint8Array {
  return digest(typeof data === 'string' ? UTF8.encode(data) : data);
}

/** Lower-case hexadecimal. */
export function sha256Hex(data: Uint8Array | string): string {
  return toHex(sha256(data));
}

/** SHA-256 of what comes in pieces. */
export class Sha256 {
  readonly #hash = digest.create();

  update(data: Uint8Array | string): void {
    this.#hash.update(typeof data === 'string' ? UTF8.encode(data) : data);
  }

  /** Of everything so far, lower-case hexadecimal; more may follow. */
  hex(): string {
    return toHex(this.#hash.clone().digest());
  }
}
