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
import { parseKey, readNote, type VerifierKey } from './checkpoint.ts';

/** The signature type of a witness's key. */
export const COSIGNATURE = 4;

/** `undefined` if the text is malformed, of another signature type, or its id does not fit name and key. */
export const parseWitnessKey = (text: string): VerifierKey | undefined => parseKey(text, COSIGNATURE);

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

/** The bytes that a witness signs: the text of the checkpoint, and the time. */
export const message = (text: string, seconds: bigint): Uint8Array =>
  new TextEncoder().encode(`cosignature/v1\ntime ${seconds}\n${text}`);
