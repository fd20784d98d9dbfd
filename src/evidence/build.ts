/** Makes a bundle from a chain: gather, prove, seal. Works for ever, whatever has expired or was revoked since. */

import { toHex } from '../base/encoding.ts';
import { parseInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import { openCheckpoint, parseVerifierKey } from '../chain/checkpoint.ts';
import { openEntry } from '../chain/entry.ts';
import type { Signer } from '../ports.ts';
import { type Contents, type Subject, seal } from './bundle.ts';
import { type Gathered, gather, type Source } from './gather.ts';
import { keysIn } from './genesis.ts';
import { multiproof, provenRoot } from './multiproof.ts';
import { withNodes } from './tiles.ts';

export interface Built {
  /** The file: one JSON document in RFC 8785 form. */
  readonly text: string;
  readonly entries: number;
  /** The C2SP note that the entries are proven against. */
  readonly checkpoint: string;
}

/**
 * `time`: milliseconds since the epoch, what the seal says.
 *
 * @throws Refusal `ARTIFACT_NOT_FOUND`, `INVALID_REQUEST` for a run that is not on the chain, `CHAIN_BROKEN` where the
 * stored tree is not the one that was signed.
 */
export async function buildBundle(source: Source, subject: Subject, log: Signer, time: number): Promise<Built> {
  const gathered = await gather(source, subject);
  const keys = keysIn(gathered.rows.map(({ entry }) => entry));
  refuseFormer(keys.log, log);
  const contents: Contents = {
    subject,
    keys,
    lineage: gathered.lineage,
    entries: gathered.rows.map(({ entry }) => entry),
    proof: (await prove(source, gathered, keys.log)).map(toHex),
    checkpoint: gathered.head.checkpoint,
  };
  // The chain may have gone on since the caller looked at its clock.
  const last = parseInstant(openEntry(contents.entries.at(-1) ?? '').timestamp) ?? time;
  return {
    text: seal(contents, log, Math.max(time, last)),
    entries: contents.entries.length,
    checkpoint: contents.checkpoint,
  };
}

async function prove(source: Source, { rows, head }: Gathered, logKey: string): Promise<Uint8Array[]> {
  const indexes = rows.map(({ sequence_number }) => sequence_number);
  const texts = rows.map(({ entry }) => entry);
  const proof = await withNodes(source, head.size, (nodes) => multiproof(nodes, indexes, head.size));
  const signed = openCheckpoint(head.checkpoint, logKey);
  const root = provenRoot(indexes, texts, head.size, proof);
  if (!signed || !root || signed.size !== head.size || toHex(signed.root) !== toHex(root)) {
    throw new Refusal('CHAIN_BROKEN', 'The stored entries are not those that the checkpoint was signed over.');
  }
  return proof;
}

/** The log may have gone over to another key while the entries were gathered: a seal by the one before is worth nothing. */
function refuseFormer(logKey: string, { publicKey }: Signer): void {
  const key = parseVerifierKey(logKey);
  if (key && toHex(key.publicKey) === toHex(publicKey)) return;
  throw new Refusal('CHAIN_CONTENDED', "The log's key here is not the one that the chain has come to.");
}
