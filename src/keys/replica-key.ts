/**
 * What a replica has instead of the authority's key when it shall not mint: one signature of it, over the words from which
 * `tokens.ts` makes its secrets. With it the replica knows the bearers, and can sign nothing.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verify } from '#ed25519';
import { fromDidKey } from '../base/did-key.ts';
import { fromBase64url, toBase64url } from '../base/encoding.ts';
import { Refusal } from '../base/refusal.ts';
import { CannotStart } from '../cannot-start.ts';
import type { Keys, Signer } from '../ports.ts';

const TOKEN_WORDS = new TextEncoder().encode('aga-token-key/v1');

/** An authority (did:key) without its key: its tokens can be read, nothing can be signed. Throws `CannotStart`. */
export function readerOf(text: string, authority: string): Signer {
  const [publicKey, signature] = [fromDidKey(authority), fromBase64url(text)];
  if (!publicKey || !signature || !verify(signature, TOKEN_WORDS, publicKey))
    throw new CannotStart("The replica key is not one of the authority that the chain's GENESIS names.");
  return {
    publicKey,
    sign(message) {
      if (Buffer.compare(message, TOKEN_WORDS) === 0) return signature;
      const why = 'This replica has no authority key: it decides, and cannot issue artifacts.';
      const hint = 'Nothing was written; send the request to a replica that holds the authority key.';
      throw new Refusal('CHAIN_CONTENDED', why, { hint });
    },
  };
}

/** Leaves it beside the keys, for the operator to give to replicas that shall not mint. */
export function withReplicaKey(keys: Keys, directory: string): Keys {
  const path = join(directory, 'replica.key');
  const text = `${toBase64url(keys.authority.sign(TOKEN_WORDS))}\n`;
  if (existsSync(join(directory, 'authority.key')) && !existsSync(path)) {
    try {
      writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
    } catch {
      // A twin was faster, or the folder is read-only: nobody here depends on it.
    }
  }
  return keys;
}
