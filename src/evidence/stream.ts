/**
 * A bundle in the order of its bytes, from whichever entry on: nothing that was said is needed again, so that it can be as
 * long as the chain, and be continued by another process.
 *
 * RFC 8785 puts `checkpoint` first and `entries` next, so the end of the chain is fixed before anything is written; then
 * come `keys`, `lineage` and `proof`, which is known once the numbers of all entries are, and the seal, which needs the
 * hash of everything around it. Held in memory are the numbers, eight bytes for each entry, and a page.
 */
import type { Sha256 } from '#digest';
import { toBase64url, toHex } from '../base/encoding.ts';
import { formatInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import { openCheckpoint, parseVerifierKey } from '../chain/checkpoint.ts';
import { leafHash } from '../chain/tree.ts';
import type { Row, Signer } from '../ports.ts';
import { aroundEntries, type Seal, sealBytesOf, splitBehind } from './bundle.ts';
import { type Plan, rowsOf, type Source } from './gather.ts';
import { proofParts } from './proving.ts';

export interface Making {
  readonly log: Signer;
  /** Milliseconds since the epoch: what the seal says. */
  readonly time: number;
  /** Of all bytes so far; it goes on with what is made. */
  readonly hash: Sha256;
  /** Numbers of the entries so far; they go on too. */
  readonly places: number[];
}

/** Entries that are handed on together. */
const TOGETHER = 1000;

/**
 * The document from its beginning, or from behind the entries at `places`, up to where the seal stands: whole entries,
 * and then the rest.
 *
 * @throws Refusal `CHAIN_BROKEN` where the stored entries are not those that were signed; `CHAIN_CONTENDED` where the log
 * has gone over to another key than ours.
 */
export async function* bundleParts(source: Source, plan: Plan, making: Making): AsyncGenerator<Uint8Array> {
  refuseFormer(plan.keys.log, making.log);
  const { hash, places } = making;
  const [before, between] = frameOf(plan);
  for await (const rows of inParts(rowsOf(source, plan, places.at(-1)))) {
    // A document without entries is none: the genesis is always there.
    const text = `${places.length === 0 ? before : ','}${rows.map(authentic).join()}`;
    for (const { sequence_number } of rows) places.push(sequence_number);
    yield hashed(text, hash);
  }
  yield hashed(between, hash);
  yield* proof(source, plan, making);
}

/** The end of the document, with its seal: what follows all parts. */
export function closing(plan: Plan, { log, time, hash }: Making): Uint8Array {
  hashed(frameOf(plan)[2], hash);
  const at = formatInstant(time);
  const signature = toBase64url(log.sign(sealBytesOf(hash.hex(), at)));
  return utf8.encode(frameOf(plan, { time: at, signature })[2]);
}

const utf8 = new TextEncoder();

function hashed(text: string, hash: Sha256): Uint8Array {
  const bytes = utf8.encode(text);
  hash.update(bytes);
  return bytes;
}

/** The document without its entries and its proof: what stands before, between and after them. */
function frameOf({ subject, keys, lineage, end }: Plan, seal?: Seal): [string, string, string] {
  const [before, behind] = aroundEntries({ subject, keys, lineage, proof: [], checkpoint: end.checkpoint }, seal);
  return [before, ...splitBehind(behind, '"proof":[')];
}

async function* proof(source: Source, plan: Plan, { hash, places }: Making): AsyncGenerator<Uint8Array> {
  const parts = proofParts(source, places, plan.end.size);
  let part = await parts.next();
  for (let written = 0; !part.done; part = await parts.next()) {
    // Yield even when nothing was written, so that other work gets its turn.
    const text = part.value.map((node) => `"${toHex(node)}"`).join();
    yield hashed(`${written > 0 && text !== '' ? ',' : ''}${text}`, hash);
    written += part.value.length;
  }
  refuseUnsigned(plan, part.value);
}

/**
 * The rows of a plan, for who says again what they say. It ends only where the checkpoint was signed over all of them.
 *
 * @throws Refusal `CHAIN_BROKEN` where they are not those.
 */
export async function* signedRows(source: Source, plan: Plan): AsyncGenerator<Row> {
  const places: number[] = [];
  for await (const row of rowsOf(source, plan)) {
    authentic(row);
    places.push(row.sequence_number);
    yield row;
  }
  const parts = proofParts(source, places, plan.end.size);
  let part = await parts.next();
  while (!part.done) part = await parts.next();
  refuseUnsigned(plan, part.value);
}

function refuseUnsigned({ keys, end }: Plan, root: Uint8Array): void {
  const signed = openCheckpoint(end.checkpoint, keys.log);
  if (signed?.size !== end.size || toHex(signed.root) !== toHex(root)) throw notSigned();
}

/** The bytes of an entry that are those of which the tree has the hash. */
function authentic({ entry, entry_hash }: Row): string {
  if (toHex(leafHash(entry)) !== entry_hash) throw notSigned();
  return entry;
}

const notSigned = (): Refusal =>
  new Refusal('CHAIN_BROKEN', 'The stored entries are not those that the checkpoint was signed over.');

/** The log may have gone over to another key while the entries were gathered: a seal by the one before is worth nothing. */
function refuseFormer(logKey: string, { publicKey }: Signer): void {
  const key = parseVerifierKey(logKey);
  if (key && toHex(key.publicKey) === toHex(publicKey)) return;
  throw new Refusal('CHAIN_CONTENDED', "The log's key here is not the one that the chain has come to.");
}

async function* inParts(rows: AsyncIterable<Row>): AsyncGenerator<readonly Row[]> {
  let part: Row[] = [];
  for await (const row of rows) {
    part.push(row);
    if (part.length < TOGETHER) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}
