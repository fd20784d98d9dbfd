/** Replaces the log's key: writes one entry, then moves the new key into place. Run again after an interruption, it finishes. */
import { assemble, type Installation } from '../assemble.ts';
import { decodeEvent } from '../authority/event/index.ts';
import { proposeRotation } from '../authority/event/log-key.ts';
import { Refusal } from '../base/refusal.ts';
import { operator } from '../caller.ts';
import { CannotStart } from '../cannot-start.ts';
import { parseVerifierKey, verifierKey } from '../chain/checkpoint.ts';
import { openEntry } from '../chain/entry.ts';
import { homeOf, type Settings } from '../config.ts';
import { prepareDirectory } from '../keys/file.ts';
import { lockKeys } from '../keys/lock.ts';
import type { Signer } from '../ports.ts';
import type { ChainPosition } from '../tools/tool.ts';
import { keyChanges } from './ground.ts';

export interface Prepared {
  /** did:key of the authority. */
  readonly authority: string;
  /** C2SP verifier keys: the present one and the next one. */
  readonly log: string;
  readonly next: string;
}

export interface Rotated {
  readonly success: true;
  readonly authority: string;
  /** The key in force. */
  readonly log: string;
  readonly previous_log: string;
  readonly chain: ChainPosition;
  /** Whether the new key was moved into place; false if the operator keeps the keys, and must do that. */
  readonly settled: boolean;
}

/** Makes the next key, or finds it. Throws refusals, and `CannotStart`. */
export function prepare(settings: Settings): Promise<Prepared> {
  return opened(settings, async ({ authority, succession, log }) => ({
    authority,
    log,
    next: verifierKey(parseVerifierKey(log)?.name ?? '', succession.next().publicKey),
  }));
}

/** Throws refusals, and `CannotStart`. */
export function rotate(settings: Settings, reason: string): Promise<Rotated> {
  return opened(settings, async (installation) => {
    const { authority, succession } = installation;
    // Other replicas must have the key before it is used: one made here and now would stop them.
    const key = settings.database.url === null ? succession.next() : (succession.ready() ?? missing());
    await goOver(installation, key, reason);
    const { log } = installation;
    const { chain, previous } = await lastChange(installation);
    // The former key is destroyed only after the entry is on the disk, which the answer above confirms.
    const former = { name: `log.${parseVerifierKey(previous)?.keyId}.pub`, text: `${previous}\n` };
    const settled = succession.settle(key.publicKey, former);
    return { success: true, authority, log, previous_log: previous, chain, settled };
  });
}

function missing(): never {
  throw new CannotStart(
    'There is no next log key here. Make it with "aga-delegate keys --next", and copy its log-next.key to the other replicas; or give ' +
      'it to all of them with AGA_NEXT_LOG_KEY, or have AGA_KEY_COMMAND print it for "log-next".',
  );
}

async function opened<T>(settings: Settings, work: (installation: Installation) => Promise<T>): Promise<T> {
  if (settings.url !== null)
    throw new Refusal('INVALID_REQUEST', 'AGA_URL is set: the log key can only be changed where the keys are.');
  if (settings.artifact !== null || settings.token !== null)
    throw new Refusal('NOT_OPERATOR', "Only the operator changes the log's key.");
  const home = homeOf(settings);
  prepareDirectory(home);
  const unlock = lockKeys(home);
  try {
    return await within(settings, work);
  } finally {
    unlock();
  }
}

async function within<T>(settings: Settings, work: (installation: Installation) => Promise<T>): Promise<T> {
  const installation = await assemble(settings);
  try {
    // Follows the chain to its present key.
    await installation.service.begin();
    return await work(installation);
  } finally {
    await installation.close();
  }
}

/** Writes the entry, unless it stands on the chain already. */
async function goOver({ service, log: previous_log_key }: Installation, key: Signer, reason: string): Promise<void> {
  const log_key = verifierKey(parseVerifierKey(previous_log_key)?.name ?? '', key.publicKey);
  await service.ask<null>({
    name: 'rotate',
    caller: operator(),
    writes: true,
    decide({ state, place, authority }) {
      if (state.logKey === log_key) return { answer: null };
      if (state.logKey !== previous_log_key)
        throw new Refusal(
          'CHAIN_CONTENDED',
          "Another process has changed the log's key meanwhile; nothing was written.",
        );
      const event = proposeRotation({ log_key, previous_log_key, reason }, place, authority, key);
      return { event, tell: () => null };
    },
  });
}

async function lastChange({ service }: Installation): Promise<{ chain: ChainPosition; previous: string }> {
  const row = (await keyChanges(service.reader)).at(-1);
  const event = row && decodeEvent(openEntry(row.entry).event);
  if (event?.kind !== 'LOG_KEY') throw new TypeError('a log that was just given a key has no entry of it');
  const { sequence_number, entry_hash } = row!;
  return { chain: { sequence_number, entry_hash }, previous: event.previous_log_key };
}
