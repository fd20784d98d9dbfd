/**
 * The keys of an authority that several replicas share: each brings the same ones, from a secret of its environment, from
 * a command that asks a secret store, or from files of the data directory.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toDidKey } from '../base/did-key.ts';
import { CannotStart } from '../cannot-start.ts';
import type { Keys, Signer } from '../ports.ts';
import { fileKeys } from './file.ts';
import { keyIn } from './pkcs8.ts';
import { readerOf, withReplicaKey } from './replica-key.ts';
import { type LogKeyName, type Succession, succession } from './succession.ts';

export interface KeySources {
  /** The key in PKCS#8, as PEM or as base64 of its DER. */
  readonly authority: string | null;
  readonly log: string | null;
  /** The one that follows it. */
  readonly nextLog: string | null;
  /** What stands in a replica's `replica.key`. */
  readonly replica: string | null;
  /** Prints the key that its last argument names, `authority`, `log`, `log-next` or `replica`, or nothing where it has none. */
  readonly command: string | null;
}

export interface SharedKeysOptions {
  readonly directory: string;
  readonly sources: KeySources;
  /** did:key of the authority that the chain began with; null where there is no chain yet, and keys may be made. */
  readonly began: string | null;
  readonly random: (length: number) => Uint8Array;
}

/** Throws `CannotStart`. */
export function sharedKeys({ directory, sources, began, random }: SharedKeysOptions): Keys {
  const log = secret('log', sources, directory);
  // Of several processes that start at once one may have made the authority's and not yet this one, never the other way round.
  if (began === null && log === undefined && !outside(sources)) {
    return withReplicaKey(fileKeys({ directory, chainExists: false, random }), directory);
  }
  const authority = secret('authority', sources, directory);
  if (log === undefined) throw missing('log', directory);
  const keys = { log: keyOf(log, 'log') };
  if (authority !== undefined) return withReplicaKey({ ...keys, authority: keyOf(authority, 'authority') }, directory);
  const replica = secret('replica', sources, directory);
  if (began === null || replica === undefined) throw missing('authority', directory);
  return { ...keys, authority: readerOf(replica.trim(), began) };
}

/** How one shared log key follows another: brought to every replica, or made where it lies in files. */
export function sharedSuccession({ directory, sources, random }: Omit<SharedKeysOptions, 'began'>): Succession {
  const { log, nextLog, command } = sources;
  const answers = new Map<string, { readonly at: number; readonly text: string }>();
  /** A secret store is not asked for each call that a replica without the new key refuses. */
  const told = (name: LogKeyName): string => {
    if (command === null) return '';
    const known = answers.get(name);
    if (known && Date.now() - known.at < ASK_AGAIN) return known.text;
    const text = name === 'log' ? ask(command, name) : perhaps(() => ask(command, name, 5_000));
    answers.set(name, { at: Date.now(), text });
    return text;
  };
  return succession({
    directory,
    random,
    brought(name) {
      const text = (name === 'log' ? log : nextLog) ?? told(name);
      return text === '' ? undefined : keyOf(text, name);
    },
  });
}

/** Milliseconds. */
const ASK_AGAIN = 2000;

/** A command of before keys could follow each other does not know of the next one. */
function perhaps(text: () => string): string {
  try {
    return text();
  } catch {
    return '';
  }
}

const outside = ({ authority, log, nextLog, replica, command }: KeySources): boolean =>
  [authority, log, nextLog, replica, command].some((source) => source !== null);

function secret(name: 'authority' | 'log' | 'replica', sources: KeySources, directory: string): string | undefined {
  const given = sources[name];
  if (given !== null) return given;
  const told = sources.command === null ? '' : ask(sources.command, name);
  if (told !== '') return told;
  const path = join(directory, `${name}.key`);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function ask(command: string, name: string, timeout = 30_000): string {
  try {
    // stderr is the operator's: what the secret store complains about is not ours to tell.
    return execFileSync(`${command} ${name}`, {
      shell: true,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout,
    }).trim();
  } catch {
    throw new CannotStart(`AGA_KEY_COMMAND failed when it was asked for the key "${name}".`);
  }
}

function keyOf(text: string, name: string): Signer {
  const key = keyIn(text);
  if (key) return key;
  throw new CannotStart(`The ${name} key is not an Ed25519 key in PKCS#8, as PEM or as base64 of its DER.`);
}

const missing = (name: string, directory: string): CannotStart =>
  new CannotStart(
    `The ${name} key is missing: there is no ${name}.key in ${directory}, and the chain's GENESIS names keys that ` +
      'every replica must have. Copy the key files of a replica that has them, or give them by ' +
      'AGA_AUTHORITY_KEY and AGA_LOG_KEY, or by AGA_KEY_COMMAND; they are never made anew.',
  );

/** What a chain says of its keys: did:key of the authority, and verifier keys of the log, the present one last. */
export interface Named {
  readonly authority: string;
  readonly log: readonly string[];
}

/** Throws `CannotStart` where a chain began with other keys than these, or has left this log key behind. */
export function refuseForeign(keys: Keys, logKey: string, { authority, log }: Named): void {
  const own = toDidKey(keys.authority.publicKey);
  const wrong = [...(own === authority ? [] : ['authority']), ...(log.includes(logKey) ? [] : ['log'])];
  if (wrong.length === 0 && logKey === log.at(-1)) return;
  if (wrong.length === 0) {
    throw new CannotStart(
      'The log key here was replaced: the chain, which began with it in GENESIS or came to it later, has gone over to another one. Provide the new one as AGA_LOG_KEY, from AGA_KEY_COMMAND, or as log.key.',
    );
  }
  throw new CannotStart(
    `The keys here are not those of GENESIS: the chain in the database began with authority ${authority}` +
      `${wrong.includes('authority') ? `, and the authority key here is ${own}` : ', and another log key'}. ` +
      'Use the key files of that authority, or choose another one with AGA_AUTHORITY.',
  );
}
