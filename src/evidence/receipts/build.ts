/** Decisions of a subtree as governance receipts, signed by the log's key and linked anew for every export. */
import { sha256 } from '#digest';
import type { Decision } from '../../authority/event/decision.ts';
import { decodeEvent } from '../../authority/event/index.ts';
import { canonicalize } from '../../base/canonical.ts';
import { toHex } from '../../base/encoding.ts';
import { formatInstant } from '../../base/instant.ts';
import { Refusal } from '../../base/refusal.ts';
import { openEntry } from '../../chain/entry.ts';
import type { Row, Signer } from '../../ports.ts';
import { planOf, type Source } from '../gather.ts';
import { signedRows } from '../stream.ts';
import { ALGORITHM, directionsOf, hashOf, levelsOf, type Receipt, type ReceiptBundle, signedBytes } from './format.ts';

export interface Built {
  /** The file: one JSON document in RFC 8785 form. */
  readonly text: string;
  readonly entries: number;
  /** The C2SP note that the entries are proven against. */
  readonly checkpoint: string;
}

/**
 * @throws Refusal `ARTIFACT_NOT_FOUND`; `INVALID_REQUEST` where no tool call was decided, since an empty bundle proves
 * nothing; `CHAIN_BROKEN` where the stored entries are not those that were signed.
 */
export async function buildReceipts(source: Source, artifact: string, log: Signer, time: number): Promise<Built> {
  const plan = await planOf(source, { artifact_hash: artifact });
  const { checkpoint } = plan.end;
  const gateway = checkpoint.split('\n')[0] ?? '';
  const receipts: Receipt[] = [];
  for await (const row of signedRows(source, plan)) {
    const decided = decisionIn(row);
    if (decided) receipts.push(receiptOf(row, decided, receipts.at(-1), { artifact, gateway, log }));
  }
  if (receipts.length === 0)
    throw new Refusal('INVALID_REQUEST', 'No tool call was decided under this artifact: there is nothing to receipt.');
  const text = canonicalize(bundleOf(receipts, formatInstant(time)));
  return { text, entries: receipts.length, checkpoint };
}

interface Call {
  readonly event: Decision & { readonly tool: string };
  readonly timestamp: string;
}

function decisionIn(row: Row): Call | undefined {
  if (row.kind !== 'DECISION') return undefined;
  const entry = openEntry(row.entry);
  const event = decodeEvent(entry.event);
  if (event.kind !== 'DECISION' || event.tool === null) return undefined;
  return { event: { ...event, tool: event.tool }, timestamp: entry.timestamp };
}

interface Exporter {
  readonly artifact: string;
  readonly gateway: string;
  readonly log: Signer;
}

function receiptOf(
  { entry_hash }: Row,
  { event, timestamp }: Call,
  before: Receipt | undefined,
  { artifact, gateway, log }: Exporter,
): Receipt {
  const unsigned = {
    receipt_id: uuidOf(`receipt ${entry_hash}`),
    receipt_version: '1.0' as const,
    algorithm: ALGORITHM,
    timestamp,
    request_id: event.request_id,
    method: 'tools/call',
    tool_name: event.tool,
    decision: event.verdict === 'permit' ? ('PERMITTED' as const) : ('DENIED' as const),
    reason: reasonOf(event),
    policy_reference: artifact,
    arguments_hash: event.arguments_digest,
    previous_receipt_hash: before ? hashOf(before) : '',
    gateway_id: gateway,
    public_key: toHex(log.publicKey),
  };
  return { ...unsigned, signature: toHex(log.sign(signedBytes(unsigned))) };
}

function reasonOf({ code, refused_by, mode }: Decision): string {
  if (code === null) return 'permitted by every artifact of the lineage';
  const by = refused_by === null ? '' : ` by artifact ${refused_by}`;
  return `${code}${by}${mode === 'shadow' ? ' (shadow mode: the call went out all the same)' : ''}`;
}

function bundleOf(receipts: readonly Receipt[], generated_at: string): ReceiptBundle {
  const levels = levelsOf(receipts.map(hashOf));
  const merkle_root = levels.at(-1)![0]!;
  const [{ gateway_id, public_key, policy_reference }] = receipts as [Receipt, ...Receipt[]]; // asked by the caller
  return {
    schema_version: '1.0',
    bundle_id: uuidOf(`bundle ${generated_at} ${merkle_root}`),
    algorithm: ALGORITHM,
    generated_at,
    gateway_id,
    public_key,
    policy_reference,
    receipts: [...receipts],
    merkle_root,
    merkle_proofs: receipts.map((_, index) => ({
      leaf_hash: levels[0]![index]!,
      leaf_index: index,
      siblings: siblingsOf(levels, index),
      directions: directionsOf(index, receipts.length),
      merkle_root,
    })),
    offline_capable: true,
  };
}

function siblingsOf(levels: readonly (readonly string[])[], index: number): string[] {
  return levels.flatMap((level, height) => {
    const sibling = level[Math.floor(index / 2 ** height) ^ 1];
    return sibling === undefined || level.length === 1 ? [] : [sibling];
  });
}

/** A UUID of version 4 in form; the same thing has the same one in every export. */
function uuidOf(what: string): string {
  const bytes = sha256(`aga ${what}`).slice(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
