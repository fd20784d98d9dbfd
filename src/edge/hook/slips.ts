/**
 * What a hook knows of a call before the call comes: a slip of paper in the data directory, under the digest of the host's
 * name for that one use, where the session that gets the call finds it, over stdio or HTTP. Whoever can write there can forge one, and
 * is the user that this protects from nobody: so the binding `hook` is a medium one.
 *
 * A slip stays: a call that comes late, because somebody had to be asked, or comes again, is still that agent's.
 */
import { statSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '#digest';
import { Refusal } from '../../base/refusal.ts';
import { isObject } from '../gateway/pointer.ts';

/** The connection's own caller; left only where every call has to be announced. */
export const OWN = 'own';
/** Who calls: the hash of an artifact; null for somebody that has none. */
export type Slip = { readonly artifact: string | null } | typeof OWN;

export interface Slips {
  leave(use: string, slip: Slip): Promise<void>;
  /** Throws where there is one that cannot be read, or where there has to be one and is none. */
  find(use: string): Promise<Slip | undefined>;
}

const KEPT_MS = 7 * 24 * 3600_000;
/** One call in sixteen looks for old ones, among a sixteenth of all: the host waits for it. */
const SWEEPS = /^0/;

/** `required`: a call that no hook has announced is nobody's. */
export function slipsIn(directory: string, required = false): Slips {
  const folder = join(directory, 'calls');
  return {
    async leave(use, slip) {
      const name = sha256Hex(use);
      const draft = join(folder, `${name}.${process.pid}`);
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        if (SWEEPS.test(name)) await sweep(folder, name[1]);
        await writeFile(draft, JSON.stringify(slip), { mode: 0o600 });
        await rename(draft, join(folder, name));
      } catch (error) {
        await unlink(draft).catch(() => undefined);
        throw unkept((error as NodeJS.ErrnoException).code ?? ''); // what node:fs throws has one
      }
    },
    async find(use) {
      const path = join(folder, sha256Hex(use));
      // The usual case, on the way of every call: there is none. A folder that cannot be looked into may hold one.
      if (!statSync(path, { throwIfNoEntry: false })) {
        if (required) throw unannounced();
        return undefined;
      }
      const slip: unknown = JSON.parse(await readFile(path, 'utf8'));
      if (slip === OWN) return OWN;
      if (!isObject(slip) || !(slip.artifact === null || typeof slip.artifact === 'string')) {
        throw new TypeError('a slip that no hook of ours has left');
      }
      return { artifact: slip.artifact };
    },
  };
}

const unkept = (code: string): Refusal =>
  new Refusal('INTERNAL', `What the hook knows of this call cannot be kept (${code}).`, {
    hint: 'Tell the user: the data directory must be writable for the hook, on a disk with room.',
  });

const unannounced = (): Refusal =>
  new Refusal('PERMISSION_DENIED', 'No hook has said who makes this call.', {
    hint: 'Tell the user: the hook of docs/hosts.md must run in this host, with the configuration and data directory of the server.',
  });

async function sweep(folder: string, share: string | undefined): Promise<void> {
  const before = Date.now() - KEPT_MS;
  for (const name of await readdir(folder)) {
    if (name[1] !== share) continue;
    const file = join(folder, name);
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (mtimeMs < before) await unlink(file).catch(() => undefined);
  }
}
