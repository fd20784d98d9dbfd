/** Ed25519 (RFC 8032) by `node:crypto`: the server's hot path, with key objects kept, since making one costs as much as using it. */
import { verify as check, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { isWellFormed, type KeyPair, type SignatureJob } from './ed25519-rule.ts';

/** RFC 8410: the fixed bytes in front of the 32 of a public key (SPKI) and of a seed (PKCS #8). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The one rule of `ed25519-rule.ts`; bad input of any kind is `false`. */
export function verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (!isWellFormed(signature, publicKey)) return false;
  const key = keyObject(publicKey);
  return key !== undefined && check(null, message, key, signature);
}

/** How many verifications wait for the thread pool at once: enough to fill it, few enough to leave room for file I/O. */
const IN_FLIGHT = 64;

/** Many verdicts, in the order of `jobs`, through the thread pool: the event loop stays free. */
export async function verifyAll(jobs: readonly SignatureJob[]): Promise<boolean[]> {
  const verdicts = new Array<boolean>(jobs.length).fill(false);
  let next = 0;
  const lane = async () => {
    while (next < jobs.length) {
      const at = next++;
      verdicts[at] = await verifyLater(jobs[at]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, jobs.length) }, lane));
  return verdicts;
}

function verifyLater({ signature, message, publicKey }: SignatureJob): Promise<boolean> | boolean {
  const key = isWellFormed(signature, publicKey) ? keyObject(publicKey) : undefined;
  if (key === undefined) return false;
  return new Promise((resolve) => {
    check(null, message, key, signature, (error, valid) => resolve(error === null && valid));
  });
}

/** A key pair from its 32-byte seed (RFC 8032 section 5.1.5). */
export function signer(seed: Uint8Array): KeyPair {
  if (seed.length !== 32) throw new TypeError('an Ed25519 seed has 32 bytes');
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(secret).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI.length)),
    sign(message) {
      const signature = sign(null, message, secret);
      return new Uint8Array(signature.buffer, signature.byteOffset, signature.length);
    },
  };
}

/** Least recently used first; a key is public, so keeping it costs memory only. */
const kept = new Map<string, KeyObject>();
const KEPT_MAX = 4096;

function keyObject(publicKey: Uint8Array): KeyObject | undefined {
  const id = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString('latin1');
  let key = kept.get(id);
  if (key === undefined) {
    key = importKey(publicKey);
    if (key === undefined) return undefined;
    if (kept.size === KEPT_MAX) kept.delete(kept.keys().next().value ?? id);
  } else kept.delete(id);
  kept.set(id, key);
  return key;
}

function importKey(publicKey: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}
