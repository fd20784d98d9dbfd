/**
 * What a witness says of a checkpoint (C2SP tlog-cosignature, Ed25519): that it saw the log only grow up to here.
 *
 * A cosignature is one more signature line of the note. Its key id is the beginning of SHA-256(name ‖ 0x0a ‖ 0x04 ‖
 * public key), its bytes are a POSIX time in seconds (8 bytes, big-endian) and an Ed25519 signature over
 *
 *     cosignature/v1
 *     time 1679315147
 *     <the text of the checkpoint, with its last line feed>
 *
 * and its verifier key is `name+key id in hexadecimal+base64(0x04 ‖ public key)`.
 */
import { verify } from '#ed25519';
import { isUsableKey, type KeyPair } from '../base/ed25519-rule.ts';
import { fromBase64, toBase64, toHex } from '../base/encoding.ts';
import { concat, isName, keyId, readNote, type VerifierKey } from './checkpoint.ts';

const TYPE = 4;
const UTF8 = new TextEncoder();

/** @throws TypeError on a name or key that no note may carry. */
export function witnessKey(name: string, publicKey: Uint8Array): string {
  if (!isName(name) || !isUsableKey(publicKey)) throw new TypeError('not a name and key for a signed note');
  const typed = typedKey(publicKey);
  return `${name}+${toHex(keyId(name, typed))}+${toBase64(typed)}`;
}

/** `undefined` where the text is malformed, of another signature type, or its id is not that of its name and key. */
export function parseWitnessKey(text: string): VerifierKey | undefined {
  const [, name = '', id = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/s.exec(text) ?? [];
  const typed = fromBase64(encoded);
  if (!isName(name) || typed?.length !== 1 + 32 || typed[0] !== TYPE) return undefined;
  const publicKey = typed.slice(1);
  return isUsableKey(publicKey) && toHex(keyId(name, typed)) === id ? { name, keyId: id, publicKey } : undefined;
}

/** The signature line of a witness, with its line feed. `seconds`: POSIX time. */
export function cosign(text: string, name: string, seconds: number, signer: KeyPair): string {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(seconds));
  const signature = concat(time, signer.sign(message(text, BigInt(seconds))));
  return `\u2014 ${name} ${toBase64(concat(keyId(name, typedKey(signer.publicKey)), signature))}\n`;
}

/** POSIX seconds at which this witness cosigned the note; `undefined` where it did not, or one of its lines is bad. */
export function cosignedAt(note: string, witness: VerifierKey): number | undefined {
  const read = readNote(note);
  const own = read?.signatures.filter(({ name, keyId: id }) => name === witness.name && id === witness.keyId) ?? [];
  const times = own.map(({ signature }) => timeOf(signature, read!.text, witness.publicKey));
  return times.includes(undefined) ? undefined : times[0];
}

function timeOf(signature: Uint8Array, text: string, publicKey: Uint8Array): number | undefined {
  if (signature.length !== 8 + 64) return undefined;
  const seconds = new DataView(signature.buffer, signature.byteOffset, 8).getBigUint64(0);
  if (seconds > Number.MAX_SAFE_INTEGER) return undefined;
  return verify(signature.subarray(8), message(text, seconds), publicKey) ? Number(seconds) : undefined;
}

const message = (text: string, seconds: bigint): Uint8Array => UTF8.encode(`cosignature/v1\ntime ${seconds}\n${text}`);

const typedKey = (publicKey: Uint8Array): Uint8Array => concat(Uint8Array.of(TYPE), publicKey);
