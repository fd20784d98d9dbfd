/** Keys in files of the data directory: PKCS#8 PEM, mode 0600, created once; what follows them is in `succession.ts`. */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CannotStart } from '../cannot-start.ts';
import type { Keys, Signer } from '../ports.ts';
import { keyIn, pemOf } from './pkcs8.ts';

export interface FileKeysOptions {
  readonly directory: string;
  /** Whether the store holds a chain: then a missing key is a loss, not a first start. */
  readonly chainExists: boolean;
  readonly random: (length: number) => Uint8Array;
}

/** SQLite takes paths of 512 bytes, and what we make is at most 57 longer than the directory's. */
const LONGEST = 450;

/** Makes the directory, mode 0700. Throws `CannotStart` where it cannot be written to. */
export function prepareDirectory(directory: string): void {
  try {
    if (Buffer.byteLength(resolve(directory)) > LONGEST) throw Object.assign(new Error(), { code: 'ENAMETOOLONG' });
    makeWithParents(resolve(directory));
    // A file of that name is left as it is.
    if (!statSync(directory).isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' });
    chmodSync(directory, 0o700);
  } catch (error) {
    throw new CannotStart(
      `Cannot use the data directory ${directory}: ${codeOf(error)}. Choose another with --data-dir.`,
    );
  }
}

/** One by one: Node's recursive form never returns below folders such as /proc, where nothing can be made. */
function makeWithParents(directory: string): void {
  if (existsSync(directory)) return;
  makeWithParents(dirname(directory));
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Another process was first.
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** Reads the two keys, or creates them on first use. */
export function fileKeys(options: FileKeysOptions): Keys {
  return { authority: ownKey(options, 'authority.key'), log: ownKey(options, 'log.key') };
}

function ownKey({ directory, chainExists, random }: FileKeysOptions, name: string): Signer {
  const path = join(directory, name);
  if (!chainExists) return keyFile(path, random);
  const key = readKey(path);
  if (key) return key;
  throw new CannotStart(
    `The key file ${path} is missing, but a chain exists. Restore it from a backup; it is never made anew.`,
  );
}

/** The key in this file, which is made where there is none. Throws `CannotStart`. */
export function keyFile(path: string, random: (length: number) => Uint8Array): Signer {
  if (!existsSync(path)) create(path, random(32));
  return readKey(path) ?? refuse(path, 'ENOENT');
}

/** The key in this file; undefined where there is none. Throws `CannotStart`. */
export const readKey = (path: string): Signer | undefined => {
  const text = textIn(path);
  return text === undefined ? undefined : (keyIn(text) ?? refuse(path, 'not an Ed25519 key'));
};

/** Written whole under another name, then linked: of several processes that start at once, one wins, and none sees half a file. */
function create(path: string, seed: Uint8Array): void {
  const draft = `${path}.${process.pid}.${Date.now()}`;
  try {
    writeFileSync(draft, pemOf(seed), { mode: 0o600, flag: 'wx', flush: true });
    linkSync(draft, path);
  } catch (error) {
    if (!existsSync(path)) throw new CannotStart(`Cannot create the key file ${path}: ${codeOf(error)}.`);
  } finally {
    if (existsSync(draft)) unlinkSync(draft);
  }
  flushDirectory(dirname(path));
}

/** Makes the names in a folder survive a power cut. */
export function flushDirectory(path: string): void {
  try {
    const directory = openSync(path, 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  } catch {
    // Not every system opens a directory; there the rename is durable by itself or not at all.
  }
}

function textIn(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    return refuse(path, codeOf(error));
  }
}

function refuse(path: string, why: string): never {
  throw new CannotStart(
    `The key file ${path} cannot be read: ${why}. Restore it from a backup; it is never made anew.`,
  );
}

/** The system's own short code: no text of ours, and nothing of the file. */
const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown'; // what node:fs throws has one
