/** A bundle in memory, by the parts that the product streams into a file. */
import { Sha256 } from '#digest';
import type { Subject } from '../../src/evidence/bundle.ts';
import { begun } from '../../src/evidence/export.ts';
import { planOf, type Source } from '../../src/evidence/gather.ts';
import type { Built } from '../../src/evidence/receipts/build.ts';
import { bundleParts, closing } from '../../src/evidence/stream.ts';
import type { Signer } from '../../src/ports.ts';

/**
 * The same bytes as those of `exportBundle`. `time`: milliseconds since the epoch, what the seal says.
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
