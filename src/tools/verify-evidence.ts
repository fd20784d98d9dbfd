/** Evidence of a file, judged as a stranger would judge it, and told in the words of `aga_verify`. */
import { notFound } from '../authority/find.ts';
import type { State } from '../authority/state.ts';
import { toDidKey } from '../base/did-key.ts';
import { Refusal } from '../base/refusal.ts';
import { parseVerifierKey } from '../chain/checkpoint.ts';
import { lineageOf } from '../evidence/gather.ts';
import { outlineOf } from '../evidence/outline.ts';
import { verifyBundle } from '../evidence/verify.ts';
import type { Context, Reader } from './tool.ts';

const RESOURCE = /^aga:\/\/evidence\/([0-9a-z-]+)$/;

/** `trust`: did:key; without it this installation's authority, or its log where the file holds receipts. */
export function verifyEvidence(named: string | undefined, trust: string | undefined, { state, caller, now }: Context) {
  if (named === undefined) throw new Refusal('INVALID_REQUEST', 'Target bundle needs bundle_path.');
  return async (reader: Reader) => {
    const bytes = await load(reader, named, caller.artifact);
    const outline = outlineOf(bytes);
    const own = outline.receipts ? logOf(state) : (state.authority ?? '');
    const { integrity, containment, conduct } = await verifyBundle(bytes, { trust: trust ?? own, at: now });
    const findings = [...integrity.findings, ...containment.findings, ...conduct.findings].slice(0, MOST);
    return {
      valid: findings.length === 0,
      findings,
      entries_checked: outline.entries,
      signatures_checked: outline.signatures,
      checkpoint: outline.checkpoint,
    };
  };
}

const MOST = 200;

const logOf = ({ logKey }: State): string => {
  const key = logKey === null ? undefined : parseVerifierKey(logKey);
  return key ? toDidKey(key.publicKey) : '';
};

/** The operator may name any file; an artifact only evidence that was exported here, about its own subtree. */
async function load(reader: Reader, named: string, artifact: string | null): Promise<Uint8Array> {
  const id = RESOURCE.exec(named)?.[1] ?? reader.archive.idOf(named);
  const bytes = await (artifact === null && id === undefined
    ? reader.archive.open(named)
    : ownEvidence(reader, id ?? '', artifact));
  if (bytes) return bytes;
  throw artifact === null
    ? new Refusal('NOT_FOUND', `There is no readable file ${JSON.stringify(named)}.`, {
        hint: 'Give the path or the resource that aga_export_evidence has answered.',
      })
    : notFound();
}

/** Evidence of this installation that an artifact may see: what is about itself or its subtree. `artifact` null: all. */
export async function ownEvidence(
  reader: Reader,
  id: string,
  artifact: string | null,
): Promise<Uint8Array | undefined> {
  const bytes = await reader.archive.load(id);
  if (!bytes || artifact === null) return bytes;
  const { subject } = outlineOf(bytes);
  if (subject === undefined) return undefined;
  const line: readonly string[] = await lineageOf(reader, subject).catch(() => []);
  return line.includes(artifact) ? bytes : undefined;
}
