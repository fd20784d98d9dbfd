/** What a file of evidence says it is, read without judging: for finding one's way, never for believing. */
import type { Json } from '../base/canonical.ts';
import { type Document, elementsOf, judgeElements, openDocument } from './document.ts';
import { isReceipts } from './receipts/verify.ts';
import { Findings } from './report.ts';

export interface Outline {
  /** Hash of the artifact that it is about, where it says so. */
  readonly subject: string | undefined;
  readonly receipts: boolean;
  /** How many entries, or receipts. */
  readonly entries: number;
  /** Signatures that a verifier judges. */
  readonly signatures: number;
  /** The C2SP note, "" where there is none. */
  readonly checkpoint: string;
}

/** Never throws: what is no evidence has an empty outline. */
export function outlineOf(bytes: Uint8Array): Outline {
  const { value, cut } = readable(bytes) ?? { value: null };
  const receipts = listIn(value, 'receipts');
  if (isReceipts(value)) {
    const subject = textIn(receipts[0], 'policy_reference');
    return { subject, receipts: true, entries: receipts.length, signatures: receipts.length, checkpoint: '' };
  }
  // Of the genesis, the checkpoint and the seal, and of what carries its own.
  let signatures = 2;
  for (const entry of cut ? elementsOf(cut) : []) signatures += signaturesIn(memberOf(entry, 'event'));
  return {
    subject: textIn(memberOf(value, 'subject'), 'artifact_hash'),
    receipts: false,
    entries: cut?.count ?? 0,
    signatures,
    checkpoint: textIn(value, 'checkpoint') ?? '',
  };
}

function readable(bytes: Uint8Array): Document | undefined {
  const findings = new Findings();
  const document = openDocument(bytes, findings);
  return document?.cut && !judgeElements(document.cut, findings) ? undefined : document;
}

const SIGNED = ['artifact', 'proof', 'signature', 'possession'];

const signaturesIn = (event: Json | undefined): number =>
  SIGNED.filter((name) => memberOf(event, name) !== undefined).length;

function memberOf(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as { readonly [name: string]: Json })[name]; // an own member of parsed JSON
}

function textIn(value: Json | undefined, name: string): string | undefined {
  const member = memberOf(value, name);
  return typeof member === 'string' ? member : undefined;
}

function listIn(value: Json | undefined, name: string): readonly Json[] {
  const member = memberOf(value, name);
  return Array.isArray(member) ? member : [];
}
