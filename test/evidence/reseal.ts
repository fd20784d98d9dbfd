/** Plays whoever has the log's key: a bundle with other contents, proven and sealed again. */
import { canonicalize } from '../../src/base/canonical.ts';
import { parseInstant } from '../../src/base/instant.ts';
import type { Entry } from '../../src/chain/entry.ts';
import { type Contents, seal } from '../../src/evidence/bundle.ts';
import type { Signer } from '../../src/ports.ts';
import { KEYS } from '../kernel.ts';

export type Readable = Omit<Contents, 'entries'> & {
  readonly entries: readonly Entry[];
  readonly seal: { readonly time: string; readonly signature: string };
};

/** The bundle with changes, under a new seal of the same time. */
export function resealed(text: string, change: (bundle: Readable) => Readable, log: Signer = KEYS.log): string {
  const { entries, seal: old, ...rest } = change(JSON.parse(text));
  const contents = {
    subject: rest.subject,
    keys: rest.keys,
    lineage: rest.lineage,
    entries: entries.map((entry) => canonicalize(entry)),
    proof: rest.proof,
    checkpoint: rest.checkpoint,
  };
  return seal(contents, log, parseInstant(old.time)!);
}
