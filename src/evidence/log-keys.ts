/** The log's keys, followed through the entries that name them, with nothing but the authority trusted. */
import { decodeEvent, type Event } from '../authority/event/index.ts';
import { faultOf } from '../authority/event/log-key.ts';
import type { LogKey } from '../authority/log-keys.ts';
import { type Entry, openEntry } from '../chain/entry.ts';

interface Known {
  readonly entry: Entry;
  readonly event: Event | undefined;
}

/** did:key of the authority, and the key that is believed already, with the number of the entry that named it. */
interface Began extends LogKey {
  readonly authority: string;
}

/**
 * The keys from that one on, as far as the entries tell; the last one signs what covers all of them. What names a key
 * and does not make it the log's is told to `wrong`.
 */
export function followKeys(
  { authority, key, from }: Began,
  entries: Iterable<Known>,
  wrong: (sequence: number, message: string) => void = () => undefined,
): LogKey[] {
  const logKeys = [{ key, from }];
  for (const { entry, event } of entries) {
    if (event?.kind !== 'LOG_KEY') continue;
    const { sequence_number: sequence, previous_hash: previousHash } = entry;
    const fault = faultOf(event, { sequence, previousHash }, { authority, logKeys });
    if (fault === undefined) logKeys.push({ key: event.log_key, from: sequence });
    else wrong(sequence, fault);
  }
  return logKeys;
}

/** Entries in RFC 8785 form, taken apart. What is no entry is left out, and so is what it would have said. */
export function* opened(texts: Iterable<string>): Generator<Known> {
  for (const text of texts) {
    try {
      const entry = openEntry(text);
      yield { entry, event: decodeEvent(entry.event) };
    } catch {}
  }
}
