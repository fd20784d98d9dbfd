/** Integrity: are these the log's own bytes, all of them in their places, vouched for by the key that was pinned. */
import { verify, verifyAll } from '#ed25519';
import { markAuthentic, type Sealed, signatureOf } from '../artifact/artifact.ts';
import { isProven } from '../artifact/enrolment.ts';
import { genesisBytes } from '../authority/event/genesis.ts';
import type { LogKey } from '../authority/log-keys.ts';
import { fromDidKey } from '../base/did-key.ts';
import { fromBase64url, toHex } from '../base/encoding.ts';
import { parseInstant } from '../base/instant.ts';
import { openCheckpoint, parseVerifierKey } from '../chain/checkpoint.ts';
import { cosignedAt, parseWitnessKey } from '../chain/cosignature.ts';
import { ZERO_HASH } from '../chain/entry.ts';
import { leafHash } from '../chain/tree.ts';
import { sealBytes } from './bundle.ts';
import { followKeys } from './log-keys.ts';
import { provenRoot } from './multiproof.ts';
import type { OpenedBundle, OpenedEntry } from './open.ts';
import type { Findings } from './report.ts';

/** What the judge believes beforehand, and when it is. */
export interface Trust {
  /** did:key of the authority. */
  readonly trust: string;
  /** C2SP verifier key of the log, where it is known as well: the present one, or one that led to it. */
  readonly logKey?: string | undefined;
  /** Milliseconds since the epoch; what is dated later (by more than clocks differ) is refused. Any time when absent. */
  readonly at?: number | undefined;
  /** Verifier keys of witnesses (C2SP tlog-cosignature), and how many of them must have cosigned. */
  readonly witnesses?: { readonly keys: readonly string[]; readonly quorum: number } | undefined;
}

/** Clocks of several machines may differ by this much, in milliseconds. */
const SKEW = 5 * 60_000;

/** Answers the log's keys, the one in force last; none without a genesis. */
export async function judgeIntegrity(
  bundle: OpenedBundle,
  trust: Trust,
  findings: Findings,
): Promise<readonly LogKey[]> {
  const ordered = judgePlaces(bundle.entries, findings);
  const keys = judgeKeys(bundle, trust, findings);
  const present = keys.at(-1)?.key;
  if (present !== undefined) {
    judgeTree(bundle, present, ordered, findings);
    judgeSeal(bundle, present, findings);
  }
  judgeTimes(bundle, trust.at, findings);
  if (trust.witnesses) judgeWitnesses(bundle.contents.checkpoint, trust.witnesses, findings);
  await judgeSignatures(bundle.entries, findings);
  return keys;
}

/** Numbers rise, neighbours are linked, time does not go back. Answers whether the numbers do. */
function judgePlaces(entries: readonly OpenedEntry[], findings: Findings): boolean {
  let ordered = true;
  let before: { sequence: number; time: number; hash: string } = { sequence: -1, time: 0, hash: ZERO_HASH };
  for (const { entry, text } of entries) {
    const { sequence_number: sequence, previous_hash } = entry;
    const time = parseInstant(entry.timestamp)!;
    if (sequence <= before.sequence) {
      ordered = false;
      findings.add(sequence, 'sequence_number', `Entry ${sequence} stands behind entry ${before.sequence}.`);
    } else if (sequence === before.sequence + 1 && previous_hash !== before.hash) {
      findings.add(sequence, 'previous_hash', 'previous_hash is not the hash of the entry before it.');
    }
    if (time < before.time) findings.add(sequence, 'timestamp', 'Time goes backwards here.');
    before = { sequence, time: Math.max(time, before.time), hash: toHex(leafHash(text)) };
  }
  return ordered;
}

/** The log's keys, as the genesis and the authority's rotations name them; none without a genesis. */
function judgeKeys({ contents, entries }: OpenedBundle, { trust, logKey }: Trust, findings: Findings): LogKey[] {
  const first = entries[0]!;
  const { event } = first;
  if (event?.kind !== 'GENESIS' || first.entry.sequence_number !== 0) {
    findings.add(null, 'genesis', "The bundle does not begin with the chain's genesis.");
    return [];
  }
  const { signature, ...unsigned } = event;
  const [key, bytes] = [fromDidKey(event.authority), fromBase64url(signature)];
  if (!key || !bytes || !verify(bytes, genesisBytes(unsigned), key))
    findings.add(0, 'genesis', "The genesis signature is not the authority's.");
  if (event.authority !== trust)
    findings.add(0, 'authority', `The chain belongs to ${event.authority}, not to the trusted ${trust}.`);
  const keys = followKeys({ authority: event.authority, key: event.log_key, from: 0 }, entries, (sequence, message) =>
    findings.add(sequence, 'rotation', message),
  );
  const present = keys.at(-1)!.key;
  if (logKey !== undefined && !keys.some((each) => each.key === logKey))
    findings.add(0, 'log_key', `The log's key is ${present}, and was never the expected ${logKey}.`);
  if (contents.keys.authority !== event.authority || contents.keys.log !== present)
    findings.add(null, 'keys', 'The keys that the bundle claims are not those of its entries.');
  const origin = parseVerifierKey(event.log_key)?.name;
  for (const { entry } of entries) {
    if (entry.chain !== origin)
      findings.add(entry.sequence_number, 'chain', `The entry belongs to the chain "${entry.chain}".`);
  }
  return keys;
}

/** `ordered`: the numbers of the entries rise, so that a proof about them can be read at all. */
function judgeTree({ contents, entries }: OpenedBundle, key: string, ordered: boolean, findings: Findings): void {
  const signed = openCheckpoint(contents.checkpoint, key);
  if (!signed) {
    findings.add(null, 'checkpoint', "The checkpoint is not one of this log, signed by the log's key.");
    return;
  }
  const last = entries.at(-1)!.entry.sequence_number;
  if (!ordered) return;
  if (last >= signed.size) {
    findings.add(last, 'size', `The checkpoint covers ${signed.size} entries; this one is not among them.`);
    return;
  }
  const indexes = entries.map(({ entry }) => entry.sequence_number);
  const proof = contents.proof.map((text) => Uint8Array.from(text.match(/../g)!, (pair) => Number.parseInt(pair, 16)));
  const root = provenRoot(indexes, contents.entries, signed.size, proof);
  if (!root) findings.add(null, 'proof', 'The proof does not have as many hashes as these entries need.');
  else if (toHex(root) !== toHex(signed.root)) {
    const found = `recomputed ${toHex(root)}, signed ${toHex(signed.root)}`;
    findings.add(null, 'root', `The entries and the proof do not add up to the signed root: ${found}.`);
  }
}

function judgeSeal({ contents, seal }: OpenedBundle, logKey: string, findings: Findings): void {
  const key = parseVerifierKey(logKey);
  const signature = fromBase64url(seal.signature);
  if (!key || !signature || !verify(signature, sealBytes(contents, seal.time), key.publicKey))
    findings.add(null, 'seal', "The seal is not the log key's over these contents: something was changed or left out.");
}

function judgeTimes({ entries, seal }: OpenedBundle, at: number | undefined, findings: Findings): void {
  const sealed = parseInstant(seal.time)!;
  const last = entries.at(-1)!.entry;
  if (parseInstant(last.timestamp)! > sealed)
    findings.add(last.sequence_number, 'seal_time', `The bundle was sealed at ${seal.time}, before this entry.`);
  if (at !== undefined && sealed > at + SKEW)
    findings.add(null, 'future', `The bundle is dated ${seal.time}, later than the time of judging.`);
}

function judgeWitnesses(
  note: string,
  { keys, quorum }: { readonly keys: readonly string[]; readonly quorum: number },
  findings: Findings,
): void {
  const known = [...new Set(keys)].map(parseWitnessKey).filter((key) => key !== undefined);
  const seen = known.filter((key) => cosignedAt(note, key) !== undefined).length;
  if (seen < quorum)
    findings.add(null, 'witnesses', `${seen} of ${known.length} known witnesses cosigned; ${quorum} are needed.`);
}

/** What artifacts and enrolments were signed with; the rest is covered by the checkpoint. */
async function judgeSignatures(entries: readonly OpenedEntry[], findings: Findings): Promise<void> {
  const sealed: { sequence: number; sealed: Sealed }[] = [];
  for (const { entry, event } of entries) {
    if (event && 'sealed' in event) sealed.push({ sequence: entry.sequence_number, sealed: event.sealed });
    if (event?.kind === 'ENROLLMENT' && !isProven(event.token_id, event.holder, event.proof)) {
      findings.add(entry.sequence_number, 'enrolment', "The proof is not the holder's signature over its enrolment.");
    }
  }
  const verdicts = await verifyAll(sealed.map((each) => signatureOf(each.sealed)));
  for (const [index, good] of verdicts.entries()) {
    if (good) markAuthentic(sealed[index]!.sealed);
    else findings.add(sealed[index]!.sequence, 'signature', "The signature is not the issuer's over this artifact.");
  }
}
