import { decodeEvent } from '../authority/event/index.ts';
import { Refusal } from '../base/refusal.ts';
import { openEntry } from '../chain/entry.ts';

/** The keys that a chain began with: what its first entry says, not yet judged. @throws Refusal `CHAIN_BROKEN`. */
export function genesisIn(text: string): { authority: string; log: string } {
  const event = text === '' ? undefined : decodeEvent(openEntry(text).event);
  if (event?.kind !== 'GENESIS') throw new Refusal('CHAIN_BROKEN', 'The chain does not begin with its genesis.');
  return { authority: event.authority, log: event.log_key };
}
