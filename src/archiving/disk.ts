/** The folder of an archive: files that are there whole or not at all, and that stay. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { Refusal } from '../base/refusal.ts';

export interface Disk {
  /** Undefined where there is no such file. Paths are below the folder, with slashes. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Whole or not at all; what was there is replaced. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Resolves when every file that was written survives a power cut. */
  settle(): Promise<void>;
}

/** @throws Refusal `INVALID_REQUEST`, from each of its methods, where the folder cannot be used. */
export function diskAt(folder: string): Disk {
  const touched = new Set<string>();
  const place = (path: string): string => join(folder, ...path.split('/'));
  return {
    read: (path) =>
      readFile(place(path)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw unusable(error);
      }),
    async write(path, bytes) {
      const file = place(path);
      const draft = `${file}.${randomUUID()}.tmp`;
      try {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        await writeFile(draft, bytes, { mode: 0o600, flag: 'wx', flush: true });
        await rename(draft, file);
      } catch (error) {
        await rm(draft, { force: true });
        throw unusable(error as NodeJS.ErrnoException); // what the file system throws has a code
      }
      touched.add(dirname(folder));
      for (let at = dirname(file); at.startsWith(folder); at = dirname(at)) touched.add(at);
    },
    async settle() {
      // A name survives a power cut when its folder was synced; some systems cannot open one, and do it themselves.
      for (const path of [...touched].sort((a, b) => b.split(sep).length - a.split(sep).length)) {
        const handle = await open(path, 'r').catch(() => undefined);
        await handle?.sync().catch(() => undefined);
        await handle?.close();
      }
      touched.clear();
    },
  };
}

const unusable = ({ code }: NodeJS.ErrnoException): Refusal =>
  new Refusal('INVALID_REQUEST', `The folder of the archive cannot be used (${code ?? 'unknown'}).`, {
    hint: 'Name a folder that this user may write, on a disk with room, with --to.',
  });
