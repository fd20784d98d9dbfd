/**
 * How one log key follows another. The next one waits in `log-next.key`, or is brought from where the present one comes
 * from; once the chain has gone over to it, it takes the place of `log.key`, and the former secret is destroyed.
 *
 * Every step leaves a folder from which the next try goes on: first the next key is made, then the chain goes over to
 * it, and only then does one rename put it in its place. Whoever looks for a key looks at the next one first: where it
 * is gone, the rename has happened, and `log.key` is it.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { CannotStart } from '../cannot-start.ts';
import type { Signer } from '../ports.ts';
import { flushDirectory, keyFile, readKey } from './file.ts';

export type LogKeyName = 'log-next' | 'log';

export interface Succession {
  /** The key that shall follow, where there is one. Throws `CannotStart` for what cannot be read. */
  ready(): Signer | undefined;
  /** The same, made where there is none. Throws `CannotStart` where it cannot be made here. */
  next(): Signer;
  /** Whether a key to follow waits in the data directory. */
  waits(): boolean;
  /** The key with this public half, the next one or the present one. Throws `CannotStart` for what cannot be read. */
  find(publicKey: Uint8Array): Signer | undefined;
  /**
   * The chain has gone over to the key with this public half: it takes its place. `former` is what stays of the one
   * before, the name of a file and its text. Only under the lock (`lock.ts`), or a third key might be renamed.
   * False where the keys are not in files, and the operator does it.
   */
  settle(publicKey: Uint8Array, former: { readonly name: string; readonly text: string }): boolean;
}

export interface SuccessionOptions {
  readonly directory: string;
  readonly random: (length: number) => Uint8Array;
  /** A key that comes from elsewhere than the data directory. */
  readonly brought?: (name: LogKeyName) => Signer | undefined;
}

export function succession({ directory, random, brought = () => undefined }: SuccessionOptions): Succession {
  const pathOf = (name: LogKeyName): string => join(directory, `${name}.key`);
  const read = (name: LogKeyName): Signer | undefined => brought(name) ?? readKey(pathOf(name));
  return {
    ready: () => read('log-next'),
    next() {
      const next = brought('log-next');
      if (next) return next;
      // A key that every replica must be given is not made here, where nobody else would have it.
      if (brought('log') === undefined) return keyFile(pathOf('log-next'), random);
      throw new CannotStart(
        'The next log key is missing: provide it with AGA_NEXT_LOG_KEY, or have AGA_KEY_COMMAND print it for "log-next".',
      );
    },
    waits: () => existsSync(pathOf('log-next')),
    find(publicKey) {
      for (const name of ['log-next', 'log'] as const) {
        const key = read(name);
        if (key && same(key.publicKey, publicKey)) return key;
      }
      return undefined;
    },
    settle(publicKey, { name, text }) {
      const next = readKey(pathOf('log-next'));
      const isThere = (): boolean => same(readKey(pathOf('log'))?.publicKey ?? new Uint8Array(), publicKey);
      if (!next || !same(next.publicKey, publicKey)) return isThere();
      const place = join(directory, name);
      if (!existsSync(place)) {
        writeFileSync(`${place}.draft`, text, { mode: 0o600, flush: true });
        renameSync(`${place}.draft`, place);
      }
      replace(pathOf('log-next'), pathOf('log'), directory);
      return isThere();
    },
  };
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Renames over a file, durably, and then writes over what that file held. A link is replaced, never written through. */
function replace(from: string, to: string, directory: string): void {
  const isOurs = process.platform !== 'win32' && lstatSync(to, { throwIfNoEntry: false })?.isFile() === true;
  // Windows renames nothing over a file that is open; there the former secret is only unlinked.
  const former = isOurs ? openSync(to, 'r+') : undefined;
  try {
    renameSync(from, to);
    flushDirectory(directory);
    // Where it has another name still, it is not ours alone.
    if (former === undefined || fstatSync(former).nlink > 0) return;
    const { size } = fstatSync(former);
    writeSync(former, new Uint8Array(size), 0, size, 0);
    fsyncSync(former);
  } finally {
    if (former !== undefined) closeSync(former);
  }
}
