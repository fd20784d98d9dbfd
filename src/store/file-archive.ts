/** Exported evidence as files of one directory, which is made with the first of them. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Refusal } from '../base/refusal.ts';
import type { Archive } from '../ports.ts';
import { openDraft } from './file-draft.ts';

const ID = /^[0-9a-z-]{1,128}$/;

export function fileArchive(directory: string): Archive {
  const home = resolve(directory);
  const pathOf = (id: string): string => join(home, `${id}.json`);
  return {
    async save(id, text) {
      if (!ID.test(id)) throw new TypeError('not a name for evidence');
      const draft = join(home, `${id}.${randomUUID()}.tmp`);
      return writing(async () => {
        await mkdir(home, { recursive: true, mode: 0o700 });
        await writeFile(draft, text, { mode: 0o600, flag: 'wx', flush: true });
        await rename(draft, pathOf(id));
        return pathOf(id);
      }).catch(async (error) => {
        await unlink(draft).catch(() => undefined);
        throw error;
      });
    },
    async draft(name) {
      if (!ID.test(name)) throw new TypeError('not a name for evidence');
      const draft = await writing(async () => {
        await mkdir(home, { recursive: true, mode: 0o700 });
        return openDraft(join(home, name), (id) => {
          if (!ID.test(id)) throw new TypeError('not a name for evidence');
          return pathOf(id);
        });
      });
      return {
        get notes() {
          return draft.notes;
        },
        read: (bytes) => draft.read(bytes),
        rewind: (bytes, notes) => writing(() => draft.rewind(bytes, notes)),
        write: (bytes) => writing(() => draft.write(bytes)),
        note: (line) => writing(() => draft.note(line)),
        finish: (id) => writing(() => draft.finish(id)),
        close: () => draft.close(),
      };
    },
    load: async (id) => (ID.test(id) ? contents(pathOf(id)) : undefined),
    idOf(path) {
      const id = basename(path, '.json');
      return ID.test(id) && dirname(resolve(home, path)) === home && basename(path) === `${id}.json` ? id : undefined;
    },
    async open(path) {
      const named = resolve(home, path);
      // A device or a pipe may never end.
      const found = await stat(named).catch(() => undefined);
      return found?.isFile() ? contents(named) : undefined;
    },
  };
}

const FULL = ['ENOSPC', 'EDQUOT'];

/** @throws Refusal `INTERNAL` for what the file system threw, without its path. */
async function writing<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException; // what the file system throws has both
    if (code === undefined || syscall === undefined) throw error;
    const [why, hint] = FULL.includes(code)
      ? ['the disk is full', 'Free some space and send the request again.']
      : [
          'its folder cannot be used',
          'Make the folder "evidence" of the data directory writable for the user of this process.',
        ];
    throw new Refusal('INTERNAL', `The evidence could not be written: ${why} (${code}).`, { hint });
  }
}

async function contents(path: string): Promise<Uint8Array | undefined> {
  return readFile(path).then(
    (bytes) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length),
    () => undefined,
  );
}
