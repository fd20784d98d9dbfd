/** SHA-256 (FIPS 180-4) by `node:crypto`; text is hashed as UTF-8. Its twin for everywhere else is `digest.portable.ts`. */
import { createHash, hash } from 'node:crypto';

export function sha256(data: Uint8Array | string): Uint8Array {
  const digest = hash('sha256', data, 'buffer');
  // A plain view: a Buffer's methods differ from those of the array it pretends to be.
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
}

/** Lower-case hexadecimal. */
export function sha256Hex(data: Uint8Array | string): string {
  return hash('sha256', data, 'hex');
}

/** SHA-256 of what comes in pieces. */
export class Sha256 {
  readonly #hash = createHash('sha256');

  update(data: Uint8Array | string): void {
    this.#hash.update(data);
  }

  /** Of everything so far, lower-case hexadecimal; more may follow. */
  hex(): string {
    return this.#hash.copy().digest('hex');
  }
}
