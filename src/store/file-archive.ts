/** Exported evidence as files of one directory, which is made with the first of them. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Archive } from '../ports.ts';
import { openDraft } from './file-draft.ts';

const ID = /^[0-9a-z-]{1,128}$/;

export function fileArchive(directory: string): Archive {
  const home = resolve(directory);
  const pathOf = (id: string): string => join(home, `${id}.json`);
  return {
    async save(id, text) {
      if (!ID.test(id)) throw new TypeError('not a name for evidence');
      await mkdir(home, { recursive: true, mode: 0o700 });
      const draft = join(home, `${id}.${randomUUID()}.tmp`);
      try {
        await writeFile(draft, text, { mode: 0o600, flag: 'wx', flush: true });
        await rename(draft, pathOf(id));
      } catch (error) {
        await unlink(draft).catch(() => undefined);
        throw error;
      }
      return pathOf(id);
    },
    async draft(name) {
      if (!ID.test(name)) throw new TypeError('not a name for evidence');
      await mkdir(home, { recursive: true, mode: 0o700 });
      return openDraft(join(home, name), (id) => {
        if (!ID.test(id)) throw new TypeError('not a name for evidence');
        return pathOf(id);
      });
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

async function contents(path: string): Promise<Uint8Array | undefined> {
  return readFile(path).then(
    (bytes) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length),
    () => undefined,
  );
}
