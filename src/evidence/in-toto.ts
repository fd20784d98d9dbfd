/**
 * A lineage as an in-toto statement in a DSSE envelope, for supply-chain tools: the artifact is the subject, by the
 * SHA-256 that is its hash, and the predicate holds everything by which its authority can be judged.
 *
 *     signed bytes = "DSSEv1" SP len(type) SP type SP len(payload) SP payload        (lengths in bytes, decimal)
 *
 * The envelope is signed by the log's key, named by its did:key.
 */
import * as z from 'zod';
import { verify } from '#ed25519';
import { type Sealed, toJson } from '../artifact/artifact.ts';
import { decodeEvent, type Event } from '../authority/event/index.ts';
import { canonicalize, type Json } from '../base/canonical.ts';
import { fromDidKey, toDidKey } from '../base/did-key.ts';
import { fromBase64, toBase64 } from '../base/encoding.ts';
import { parseStrict } from '../base/strict-json.ts';
import { openEntry } from '../chain/entry.ts';
import type { Signer } from '../ports.ts';
import { creationOf, lineageOf, pages, type Source } from './gather.ts';

const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
const STATEMENT = 'https://in-toto.io/Statement/v1';
export const PREDICATE = 'urn:aga-delegate:lineage:v1';

const utf8 = new TextEncoder();

/** @throws Refusal `ARTIFACT_NOT_FOUND`. */
export async function lineageStatement(source: Source, artifact: string, log: Signer): Promise<string> {
  const hashes = await lineageOf(source, artifact);
  // Read after the lineage, so that its end covers all of it.
  const { head } = await source.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
  const { line, enrolments } = await statedOf(source, hashes);
  const statement = {
    _type: STATEMENT,
    subject: [{ name: line.at(-1)?.artifact.subject ?? '', digest: { sha256: artifact } }],
    predicateType: PREDICATE,
    predicate: {
      lineage: line.map(toJson),
      enrollments: enrolments.filter(({ at }) => at < (head?.size ?? 0)).map(({ event }) => event),
      checkpoint: head?.checkpoint ?? '',
    },
  };
  const payload = utf8.encode(canonicalize(statement));
  const signature = { keyid: toDidKey(log.publicKey), sig: toBase64(log.sign(encoded(PAYLOAD_TYPE, payload))) };
  return canonicalize({ payload: toBase64(payload), payloadType: PAYLOAD_TYPE, signatures: [signature] });
}

/** The artifacts of a lineage, and who enrolled for them, in the order of the chain. */
async function statedOf(source: Source, lineage: readonly string[]) {
  const line: Sealed[] = [];
  const enrolments: { readonly at: number; readonly event: Event }[] = [];
  for (const names of lineage) {
    const created = await creationOf(source, names);
    const event = created && decodeEvent(created.entry.event);
    if (event && 'sealed' in event) line.push(event.sealed);
    for await (const row of pages(source, { names, kind: 'ENROLLMENT' }))
      enrolments.push({ at: row.sequence_number, event: decodeEvent(openEntry(row.entry).event) });
  }
  return { line, enrolments: enrolments.sort((a, b) => a.at - b.at) };
}

const envelope = z.strictObject({
  payload: z.string(),
  payloadType: z.literal(PAYLOAD_TYPE),
  signatures: z.array(z.strictObject({ keyid: z.string(), sig: z.string() })).min(1),
});

/** The statement in an envelope that this did:key has signed; `undefined` for everything else. */
export function openEnvelope(text: string, trust: string): Json | undefined {
  try {
    const { payload, payloadType, signatures } = envelope.parse(parseStrict(text, { maxBytes: 16 << 20 }));
    const [bytes, key] = [fromBase64(payload), fromDidKey(trust)];
    if (!bytes || !key) return undefined;
    const message = encoded(payloadType, bytes);
    const signed = signatures.some(({ sig }) => verify(fromBase64(sig) ?? new Uint8Array(), message, key));
    return signed ? parseStrict(bytes, { maxBytes: 16 << 20, maxDepth: 70 }) : undefined;
  } catch {
    return undefined;
  }
}

/** Pre-authentication encoding of DSSE. */
function encoded(type: string, payload: Uint8Array): Uint8Array {
  const head = utf8.encode(`DSSEv1 ${utf8.encode(type).length} ${type} ${payload.length} `);
  const whole = new Uint8Array(head.length + payload.length);
  whole.set(head);
  whole.set(payload, head.length);
  return whole;
}
