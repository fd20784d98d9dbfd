/** A root comes to be. */
import * as z from 'zod';
import { open, type Sealed, toJson } from '../../artifact/artifact.ts';
import { rootBreaches } from '../../artifact/lineage.ts';
import type { Json } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import { decodeWith, hash, request } from '../decode.ts';
import { refuseMistimed } from '../find.ts';
import { type Kind, type RequestDigest, uphold } from '../kind.ts';

const decode = decodeWith(
  z.strictObject({ kind: z.literal('ARTIFACT_CREATED'), artifact_hash: hash, artifact: z.custom<Json>(), request }),
);

export interface Created {
  readonly kind: 'ARTIFACT_CREATED';
  readonly sealed: Sealed;
  readonly request: RequestDigest | null;
}

export const created: Kind<Created> = {
  decode(wire) {
    const { kind, artifact, artifact_hash, request } = decode(wire);
    const sealed = open(artifact);
    if (sealed.hash !== artifact_hash) {
      throw new Refusal('INVALID_REQUEST', 'artifact_hash is not the hash of the artifact.');
    }
    return { kind, sealed, request };
  },
  encode: ({ kind, sealed, request }) => ({ kind, artifact_hash: sealed.hash, artifact: toJson(sealed), request }),
  names: ({ sealed }) => [sealed.hash],
  check(state, { sealed }, { time }) {
    uphold(rootBreaches(sealed, state.authority ?? ''));
    refuseMistimed(sealed, time);
    if (state.grants.has(sealed.hash)) throw new Refusal('INVALID_REQUEST', 'This artifact is on the chain already.');
  },
  evolve(state, { sealed, request }, { sequence }) {
    state.admit(sealed, sequence);
    if (request) state.remember(request.key, request.input, sequence);
  },
};
