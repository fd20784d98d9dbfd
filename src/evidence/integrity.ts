/** Integrity: are these the log's own bytes, all of them in their places, vouched for by the key that was pinned. */
import { verify, verifyAll } from '#ed25519';
import { markAuthentic, signatureOf } from '../artifact/artifact.ts';
import { genesisBytes } from '../authority/event/genesis.ts';
import type { LogKey } from '../authority/log-keys.ts';
import { fromDidKey } from '../base/did-key.ts';
import { fromBase64url, toHex } from '../base/encoding.ts';
import { parseInstant } from '../base/instant.ts';
import { openCheckpoint, parseVerifierKey } from '../chain/checkpoint.ts';
import { cosignedAt, parseWitnessKey } from '../chain/cosignature.ts';
import { sealBytesOf } from './bundle.ts';
import { followKeys } from './log-keys.ts';
import { provenRoot } from './multiproof.ts';
import type { OpenedBundle } from './open.ts';
import type { Trust } from './question.ts';
import type { Findings } from './report.ts';
import type { Creation } from './survey.ts';

/** Clocks of several machines may differ by this much, in milliseconds. */
const SKEW = 5 * 60_000;

/** Answers the log's keys, the one in force last; none without a genesis. */
export async function judgeIntegrity(
  bundle: OpenedBundle,
  trust: Trust,
  findings: Findings,
): Promise<readonly LogKey[]> {
  const { survey } = bundle;
  findings.join(survey.found.places);
  const keys = judgeKeys(bundle, trust, findings);
  const present = keys.at(-1)?.key;
  if (present !== undefined) {
    findings.join(survey.found.chains);
    judgeTree(bundle, present, findings);
    judgeSeal(bundle, present, findings);
  }
  judgeTimes(bundle, trust.at, findings);
  if (trust.witnesses) judgeWitnesses(bundle.contents.checkpoint, trust.witnesses, findings);
  findings.join(survey.found.enrolments);
  await judgeSignatures([...survey.creations.values()], findings);
  return keys;
}

/** The log's keys, as the genesis and the authority's rotations name them; none without a genesis. */
function judgeKeys({ contents, survey }: OpenedBundle, { trust, logKey }: Trust, findings: Findings): LogKey[] {
  const { entry, event } = survey.first;
  if (event?.kind !== 'GENESIS' || entry.sequence_number !== 0) {
    findings.add(null, 'genesis', "The bundle does not begin with the chain's genesis.");
    return [];
  }
  const { signature, ...unsigned } = event;
  const [key, bytes] = [fromDidKey(event.authority), fromBase64url(signature)];
  if (!key || !bytes || !verify(bytes, genesisBytes(unsigned), key))
    findings.add(0, 'genesis', "The genesis signature is not the authority's.");
  if (event.authority !== trust)
    findings.add(0, 'authority', `The chain belongs to ${event.authority}, not to the trusted ${trust}.`);
  const began = { authority: event.authority, key: event.log_key, from: 0 };
  const keys = followKeys(began, survey.rotations, (sequence, message) => findings.add(sequence, 'rotation', message));
  const present = keys.at(-1)!.key;
  if (logKey !== undefined && !keys.some((each) => each.key === logKey))
    findings.add(0, 'log_key', `The log's key is ${present}, and was never the expected ${logKey}.`);
  if (contents.keys.authority !== event.authority || contents.keys.log !== present)
    findings.add(null, 'keys', 'The keys that the bundle claims are not those of its entries.');
  return keys;
}

function judgeTree({ contents, survey }: OpenedBundle, key: string, findings: Findings): void {
  const signed = openCheckpoint(contents.checkpoint, key);
  if (!signed) {
    findings.add(null, 'checkpoint', "The checkpoint is not one of this log, signed by the log's key.");
    return;
  }
  const last = survey.last.sequence_number;
  if (!survey.ordered) return;
  if (last >= signed.size) {
    findings.add(last, 'size', `The checkpoint covers ${signed.size} entries; this one is not among them.`);
    return;
  }
  const proof = contents.proof.map((text) => Uint8Array.from(text.match(/../g)!, (pair) => Number.parseInt(pair, 16)));
  const root = provenRoot(survey.numbers, survey.leafAt, signed.size, proof);
  if (!root) findings.add(null, 'proof', 'The proof does not have as many hashes as these entries need.');
  else if (toHex(root) !== toHex(signed.root)) {
    const found = `recomputed ${toHex(root)}, signed ${toHex(signed.root)}`;
    findings.add(null, 'root', `The entries and the proof do not add up to the signed root: ${found}.`);
  }
}

function judgeSeal({ hash, seal }: OpenedBundle, logKey: string, findings: Findings): void {
  const key = parseVerifierKey(logKey);
  const signature = fromBase64url(seal.signature);
  if (!key || !signature || !verify(signature, sealBytesOf(hash, seal.time), key.publicKey))
    findings.add(null, 'seal', "The seal is not the log key's over these contents: something was changed or left out.");
}

function judgeTimes({ survey: { last }, seal }: OpenedBundle, at: number | undefined, findings: Findings): void {
  const sealed = parseInstant(seal.time)!;
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

/** What artifacts were signed with; enrolments are judged already, and the rest is covered by the checkpoint. */
async function judgeSignatures(creations: readonly Creation[], findings: Findings): Promise<void> {
  const verdicts = await verifyAll(creations.map(({ event }) => signatureOf(event.sealed)));
  for (const [index, good] of verdicts.entries()) {
    const { event, sequence } = creations[index]!;
    if (good) markAuthentic(event.sealed);
    else findings.add(sequence, 'signature', "The signature is not the issuer's over this artifact.");
  }
}
