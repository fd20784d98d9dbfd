/** Who this process is: the operator, the holder of an artifact, or the agent of an enrolment token. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { proveHolder } from '../artifact/enrolment.ts';
import { callerOf, type Installation } from '../assemble.ts';
import { toDidKey } from '../base/did-key.ts';
import { bound, type Caller } from '../caller.ts';
import { CannotStart, NobodyHere } from '../cannot-start.ts';
import type { Settings } from '../config.ts';
import { keyFile } from '../keys/file.ts';
import { once } from '../once.ts';
import type { Signer } from '../ports.ts';
import { redeem } from '../service/enrolment.ts';

/**
 * The one key of this data directory for a token. It is on disk before the token is redeemed, so that a restart after a
 * crash, and a second process that the host starts, use the same key.
 */
export function agentKeyIn(dataDir: string, token: string): Signer {
  const directory = join(dataDir, 'agents');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const tokenId = /^lt-delegate-([0-9a-f]{32})\./.exec(token)?.[1];
  if (tokenId === undefined) throw new CannotStart('This is not an enrolment token.');
  return keyFile(join(directory, `${tokenId}.key`), (length) => randomBytes(length));
}

/**
 * Finds out who we are, but only when first asked: hosts also start processes to probe us, which should redeem nothing.
 * For a token that does not work, the function throws the refusal; it never falls back to the operator.
 */
export function identityOf({ service, tokens }: Installation, settings: Settings): () => Promise<Caller> {
  const { token, dataDir } = settings;
  if (token === null) {
    const caller = callerOf(settings);
    return async () => caller;
  }
  const tokenId = tokens.readEnrolment(token);
  if (tokenId === null)
    throw new NobodyHere('AGA_TOKEN (or --token) was not issued by the authority of this data directory.');
  return once(async () => {
    const key = agentKeyIn(dataDir, token);
    const holder = toDidKey(key.publicKey);
    const { grant } = await redeem(service, { tokenId, holder, proof: proveHolder(tokenId, key) });
    return bound(grant.hash, 'process');
  });
}
