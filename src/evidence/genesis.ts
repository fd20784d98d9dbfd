import { decodeEvent } from '../authority/event/index.ts';
import { Refusal } from '../base/refusal.ts';
import { openEntry } from '../chain/entry.ts';
import { followKeys, opened } from './log-keys.ts';

export interface ChainKeys {
  /** did:key */
  readonly authority: string;
  /** C2SP verifier key. */
  readonly log: string;
}

/** The keys that a chain began with: what its first entry says, not yet judged. @throws Refusal `CHAIN_BROKEN`. */
export function genesisIn(text: string): ChainKeys {
  const event = text === '' ? undefined : decodeEvent(openEntry(text).event);
  if (event?.kind !== 'GENESIS') throw new Refusal('CHAIN_BROKEN', 'The chain does not begin with its genesis.');
  return { authority: event.authority, log: event.log_key };
}

/** The keys that a chain has come to by these entries, the genesis first. @throws Refusal `CHAIN_BROKEN`. */
export function keysIn(texts: readonly string[]): ChainKeys {
  const { authority, log } = genesisIn(texts[0] ?? '');
  const keys = followKeys({ authority, key: log, from: 0 }, opened(texts));
  return { authority, log: keys.at(-1)?.key ?? log };
}
