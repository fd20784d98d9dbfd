/** How a log came to its key: the entries that say so, taken from a file that holds them, and believed as far as the authority signed them. */
import { genesis } from '../../authority/event/genesis.ts';
import type { Event } from '../../authority/event/index.ts';
import type { LogKey } from '../../authority/log-keys.ts';
import { State } from '../../authority/state.ts';
import { canonicalize, type Json } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import { parseStrict } from '../../base/strict-json.ts';
import type { Entry } from '../../chain/entry.ts';
import { followKeys, opened } from '../../evidence/log-keys.ts';

/** In RFC 8785 form. A bundle has them, and so has what `log --json` prints. @throws Refusal `INVALID_REQUEST`. */
export function entriesIn(file: Uint8Array): readonly string[] {
  const value = parseStrict(file, { maxBytes: 256 << 20 });
  const entries = typeof value === 'object' && value !== null && 'entries' in value ? value.entries : undefined;
  if (Array.isArray(entries)) return entries.map((entry: Json) => canonicalize(entry));
  throw new Refusal('INVALID_REQUEST', '--succession names a bundle, or what "log --kind LOG_KEY --json" prints.');
}

/**
 * The keys of the log, as far as `authority` (did:key) has signed them: from `pinned` on, else from what its genesis
 * names, else from the key that it let the first other one follow. Empty where nothing says which was the first.
 */
export function keysBy(authority: string, entries: readonly string[], pinned: string | undefined): readonly LogKey[] {
  const known = [...opened(entries)].sort((a, b) => a.entry.sequence_number - b.entry.sequence_number);
  const begun = known.flatMap(({ entry, event }) => beginning(entry, event, authority));
  const changed = known.flatMap(({ event }) => (event?.kind === 'LOG_KEY' ? [event.previous_log_key] : []));
  const first = pinned ?? begun[0] ?? changed[0];
  const keys = first === undefined ? [] : followKeys({ authority, key: first, from: -1 }, known);
  // A first one that nothing signed by the authority names is anybody's.
  return pinned === undefined && begun.length === 0 && keys.length === 1 ? [] : keys;
}

function beginning(
  { sequence_number: sequence, previous_hash: previousHash }: Entry,
  event: Event | undefined,
  authority: string,
): string[] {
  if (event?.kind !== 'GENESIS' || event.authority !== authority) return [];
  try {
    genesis.check(new State(), event, { sequence, previousHash, time: 0 });
    return [event.log_key];
  } catch {
    return [];
  }
}
