/** Keys in files of the data directory: PKCS#8 PEM, mode 0600, created once; what follows them is in `succession.ts`. */
import { createPrivateKey } from 'node:crypto';
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
import { signer } from '#ed25519';
import { fromBase64url } from '../base/encoding.ts';
import type { Keys, Signer } from '../ports.ts';

/** The process cannot begin its work; the message is for the operator, on stderr. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart';
}

export interface FileKeysOptions {
  readonly directory: string;
  /** Whether the store holds a chain: then a missing key is a loss, not a first start. */
  readonly chainExists: boolean;
  readonly random: (length: number) => Uint8Array;
}

/** Makes the directory, mode 0700. Throws `CannotStart` where it cannot be written to. */
export function prepareDirectory(directory: string): void {
  try {
    makeWithParents(resolve(directory));
    // A file of that name is left as it is.
    if (!statSync(directory).isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' });
    chmodSync(directory, 0o700);
  } catch (error) {
    throw new CannotStart(
      `Cannot use the data directory ${directory}: ${reasonOf(error)}. Choose another with --data-dir.`,
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
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Reads the two keys, or creates them on first use. */
export function fileKeys(options: FileKeysOptions): Keys {
  return { authority: keyIn(options, 'authority.key'), log: keyIn(options, 'log.key') };
}

function keyIn({ directory, chainExists, random }: FileKeysOptions, name: string): Signer {
  const path = join(directory, name);
  if (!existsSync(path)) {
    if (chainExists) {
      throw new CannotStart(
        `The key file ${path} is missing, but a chain exists. Restore it from a backup; it is never made anew.`,
      );
    }
    create(path, random(32));
  }
  return read(path);
}

/** The key in this file, which is made where there is none. Throws `CannotStart`. */
export function keyFile(path: string, random: (length: number) => Uint8Array): Signer {
  if (!existsSync(path)) create(path, random(32));
  return read(path);
}

/** The key in this file; undefined where there is none. Throws `CannotStart`. */
export const readKey = (path: string): Signer | undefined => {
  const text = textIn(path);
  return text === undefined ? undefined : parse(text, path);
};

/** Written whole under another name, then linked: of several processes that start at once, one wins, and none sees half a file. */
function create(path: string, seed: Uint8Array): void {
  const draft = `${path}.${process.pid}.${Date.now()}`;
  // PKCS#8 of an Ed25519 key (RFC 8410): a fixed prefix and the seed.
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const pem = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' });
  try {
    writeFileSync(draft, pem, { mode: 0o600, flag: 'wx', flush: true });
    try {
      linkSync(draft, path);
    } catch (error) {
      if (!existsSync(path)) throw error;
    } finally {
      unlinkSync(draft);
    }
    flushDirectory(dirname(path));
  } catch (error) {
    throw new CannotStart(`Cannot create the key file ${path}: ${reasonOf(error)}.`);
  }
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

function textIn(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
}

const read = (path: string): Signer => {
  const key = readKey(path);
  if (key) return key;
  throw unreadable(path, Object.assign(new Error(), { code: 'ENOENT' }));
};

function parse(text: Buffer, path: string): Signer {
  try {
    const { d, crv } = createPrivateKey(text).export({ format: 'jwk' });
    const seed = crv === 'Ed25519' ? fromBase64url(d ?? '') : undefined;
    if (!seed) throw new Error('not an Ed25519 key');
    return signer(seed);
  } catch (error) {
    throw unreadable(path, error);
  }
}

const unreadable = (path: string, error: unknown): CannotStart =>
  new CannotStart(
    `The key file ${path} cannot be read: ${reasonOf(error)}. Restore it from a backup; it is never made anew.`,
  );

/** The system's own short code where there is one: no text of ours, and nothing of the file. */
const reasonOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ??
  (error instanceof Error && error.message === 'not an Ed25519 key' ? error.message : 'not a key');
