/** Makes a bundle from a chain: gather, prove, seal. Works for ever, whatever has expired or was revoked since. */
import { Sha256 } from '#digest';
import type { Signer } from '../ports.ts';
import type { Subject } from './bundle.ts';
import { begun } from './export.ts';
import { planOf, type Source } from './gather.ts';
import { bundleParts, closing } from './stream.ts';

export interface Built {
  /** The file: one JSON document in RFC 8785 form. */
  readonly text: string;
  readonly entries: number;
  /** The C2SP note that the entries are proven against. */
  readonly checkpoint: string;
}

/**
 * In memory; `exportBundle` writes the same bytes into a file. `time`: milliseconds since the epoch, what the seal says.
 *
 * @throws Refusal `ARTIFACT_NOT_FOUND`, `INVALID_REQUEST` for a run that is not on the chain, `CHAIN_BROKEN` where the
 * stored tree is not the one that was signed.
 */
export async function buildBundle(source: Source, subject: Subject, log: Signer, time: number): Promise<Built> {
  const { end, time: sealed } = await begun(source, subject, time);
  const plan = await planOf(source, subject, end);
  const making = { log, time: sealed, hash: new Sha256(), places: [] };
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of bundleParts(source, plan, making)) text += decoder.decode(part);
  text += decoder.decode(closing(plan, making));
  return { text, entries: making.places.length, checkpoint: end.checkpoint };
}
