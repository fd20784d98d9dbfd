/** At which checkpoint a bundle ends: at a cosigned one where that leaves nothing out, so that a quorum can be asked of it. */
import { bestFor, type CosignedSource } from './cosigned.ts';
import { type End, planOf, type Source } from './gather.ts';

/** What the bundle is about; a run without a last entry goes to the end of the chain. */
type About = { readonly artifact_hash: string } | { readonly first: number; readonly last: number | null };

/** `head`: the end of the chain. @throws Refusal where `planOf` does. */
export async function cosignedEnd(source: Source & CosignedSource, about: About, head: End): Promise<End> {
  // Without witnesses nothing is planned twice.
  if (((await source.cosigned?.()) ?? []).length === 0) return head;
  const covers =
    'first' in about
      ? (size: number) => size > (about.last ?? head.size - 1)
      : await coversArtifact(source, about.artifact_hash, head);
  return (await bestFor(source, head, covers)) ?? head;
}

/** Whether a tree of so many entries has everything that is on the chain about the artifact. */
async function coversArtifact(source: Source, hash: string, head: End): Promise<(size: number) => Promise<boolean>> {
  const last = (await planOf(source, { artifact_hash: hash }, head)).beside.at(-1) ?? -1;
  return async (size) => {
    if (size <= last) return false;
    const [later] = (await source.read({ after: size - 1, limit: 1, within: hash })).rows;
    return later === undefined || later.sequence_number >= head.size;
  };
}
