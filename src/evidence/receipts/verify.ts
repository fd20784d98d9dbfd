/** Governance receipts, of our gateway or another: the five steps of the draft, and what they leave open. */
import { verifyAll } from '#ed25519';
import type { Json } from '../../base/canonical.ts';
import { fromDidKey } from '../../base/did-key.ts';
import { fromHex, toHex } from '../../base/encoding.ts';
import { reportIssues } from '../issues.ts';
import type { Trust } from '../question.ts';
import { Findings, type Report, unreadable } from '../report.ts';
import { ALGORITHM, directionsOf, hashOf, type ReceiptBundle, rootOf, schema, signedBytes } from './format.ts';

/** Whether a document means to be such a bundle. */
export const isReceipts = (value: Json): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.hasOwn(value, 'receipts') &&
  Object.hasOwn(value, 'merkle_root');

const SKEW = 5 * 60_000;

/** `trust`: the did:key of the gateway's key. Findings name receipts by their place in the bundle, from 0. */
export async function verifyReceipts(value: Json, { trust, at, witnesses }: Trust): Promise<Report> {
  const findings = new Findings();
  const decoded = schema.safeParse(value);
  if (!decoded.success) {
    reportIssues(decoded.error.issues, value, findings);
    return unreadable(findings);
  }
  const bundle = decoded.data;
  judgeAlgorithm(bundle, findings);
  judgeSameness(bundle, trust, findings);
  await judgeSignatures(bundle, findings);
  judgeChain(bundle, findings);
  judgeProofs(bundle, findings);
  if (at !== undefined && Date.parse(bundle.generated_at) > at + SKEW)
    findings.add(null, 'future', `The bundle is dated ${bundle.generated_at}, later than the time of judging.`);
  // Receipts show no checkpoint: who asks for cosignatures may not be told that all is well.
  if (witnesses && witnesses.quorum > 0)
    findings.add(null, 'witnesses', 'Receipts carry no checkpoint that witnesses could have cosigned.');
  const integrity = findings.verdict;
  const nothing = { valid: true, findings: [] };
  return { valid: integrity.valid, integrity, containment: nothing, conduct: nothing, not_proven: NOT_PROVEN };
}

const NOT_PROVEN: readonly string[] = [
  'Containment and conduct: receipts carry verdicts, not the authority they were given under, so nothing was replayed.',
  'That nothing was left out: the holder of the key decides which receipts a bundle begins and ends with.',
  'When and as what the bundle was made: bundle_id and generated_at are signed by nobody.',
  'That the timestamps are right, and that permitted calls had the effect that was asked for.',
  "That nobody else had the gateway's key.",
];

function judgeAlgorithm({ algorithm, receipts }: ReceiptBundle, findings: Findings): void {
  if (algorithm !== ALGORITHM) findings.add(null, 'algorithm', `Only ${ALGORITHM} is known here.`);
  for (const [i, each] of receipts.entries())
    if (each.algorithm !== ALGORITHM) findings.add(i, 'algorithm', `Only ${ALGORITHM} is known here.`);
}

/** One key, one gateway, one policy, and every receipt once. */
function judgeSameness(bundle: ReceiptBundle, trust: string, findings: Findings): void {
  if (bundle.receipts.length === 0) findings.add(null, 'empty', 'The bundle holds no receipts.');
  const key = fromDidKey(trust);
  if (!key || toHex(key) !== bundle.public_key)
    findings.add(null, 'authority', `The receipts are signed by ${bundle.public_key}, not by the trusted key.`);
  const ids = new Set<string>();
  for (const [i, receipt] of bundle.receipts.entries()) {
    for (const member of ['public_key', 'gateway_id', 'policy_reference'] as const) {
      if (receipt[member] !== bundle[member]) findings.add(i, member, `${member} is not the bundle's.`);
    }
    if (ids.has(receipt.receipt_id)) findings.add(i, 'receipt_id', 'The receipt stands in the bundle twice.');
    ids.add(receipt.receipt_id);
    if (receipt.tool_name === 'UNKNOWN' && receipt.decision !== 'DENIED')
      findings.add(i, 'decision', 'A call without a tool name was permitted.');
  }
}

async function judgeSignatures({ receipts }: ReceiptBundle, findings: Findings): Promise<void> {
  const bytes = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array();
  const verdicts = await verifyAll(
    receipts.map((receipt) => ({
      signature: bytes(receipt.signature),
      message: signedBytes(receipt),
      publicKey: bytes(receipt.public_key),
    })),
  );
  for (const [i, good] of verdicts.entries())
    if (!good) findings.add(i, 'signature', "The signature is not that key's over this receipt.");
}

function judgeChain({ receipts }: ReceiptBundle, findings: Findings): void {
  for (const [i, { previous_receipt_hash }] of receipts.entries()) {
    const before = receipts[i - 1];
    if (previous_receipt_hash !== (before ? hashOf(before) : ''))
      findings.add(i, 'previous_hash', 'previous_receipt_hash is not the hash of the receipt before it.');
  }
}

function judgeProofs({ receipts, merkle_proofs, merkle_root }: ReceiptBundle, findings: Findings): void {
  if (merkle_proofs.length !== receipts.length)
    findings.add(null, 'proof', `${receipts.length} receipts have ${merkle_proofs.length} proofs.`);
  for (const [i, proof] of merkle_proofs.entries()) {
    const receipt = receipts[i];
    if (!receipt) continue;
    if (proof.leaf_hash !== hashOf(receipt)) findings.add(i, 'leaf_hash', 'leaf_hash is not the hash of the receipt.');
    const wanted = directionsOf(i, receipts.length);
    const fits =
      proof.leaf_index === i && proof.directions.join() === wanted.join() && proof.siblings.length === wanted.length;
    if (!fits) findings.add(i, 'proof', `The proof is not that of leaf ${i} of ${receipts.length}.`);
    else if (rootOf(proof) !== merkle_root || proof.merkle_root !== merkle_root)
      findings.add(i, 'root', 'The proof does not lead to merkle_root.');
  }
}
