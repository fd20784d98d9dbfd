/** A witness at work (C2SP tlog-cosignature): we only verify what it makes. */
import type { KeyPair } from '../../src/base/ed25519-rule.ts';
import { toBase64 } from '../../src/base/encoding.ts';
import { concat, formatKey, keyId, typedKey } from '../../src/chain/checkpoint.ts';
import { COSIGNATURE, message } from '../../src/chain/cosignature.ts';

export const witnessKey = (name: string, publicKey: Uint8Array): string => formatKey(name, publicKey, COSIGNATURE);

/** The signature line of a witness, with its line feed. `seconds`: POSIX time. */
export function cosign(text: string, name: string, seconds: number, signer: KeyPair): string {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(seconds));
  const signature = concat(time, signer.sign(message(text, BigInt(seconds))));
  return `\u2014 ${name} ${toBase64(concat(keyId(name, typedKey(signer.publicKey, COSIGNATURE)), signature))}\n`;
}
