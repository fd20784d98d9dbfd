/** Ed25519 keys as text: PKCS#8 (RFC 8410), in PEM or as base64 of its DER. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { signer } from '#ed25519';
import { fromBase64url } from '../base/encoding.ts';
import type { Signer } from '../ports.ts';

/** All of an Ed25519 key but its seed, which ends it (RFC 8410, section 7). */
const PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** In PEM. `seed`: 32 bytes. */
export const pemOf = (seed: Uint8Array): string | Buffer =>
  ofDer(Buffer.concat([PREFIX, seed])).export({ format: 'pem', type: 'pkcs8' });

/** Undefined for what is no Ed25519 key. */
export function keyIn(text: string): Signer | undefined {
  try {
    // A PEM in one line of an environment file has its line feeds written out.
    const isPem = text.includes('-----');
    const key = isPem ? createPrivateKey(text.replaceAll('\\n', '\n')) : ofDer(Buffer.from(text, 'base64'));
    const { d, crv } = key.export({ format: 'jwk' });
    const seed = crv === 'Ed25519' ? fromBase64url(d ?? '') : undefined;
    return seed && signer(seed);
  } catch {
    return undefined;
  }
}

const ofDer = (key: Buffer): KeyObject => createPrivateKey({ key, format: 'der', type: 'pkcs8' });
