/** Puts what was made where the command line says: whole or not at all, and never half over what was there. */
import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Refusal } from '../../base/refusal.ts';
import type { TlogFile } from '../../evidence/tlog.ts';
import type { Draft } from '../../ports.ts';
import { openDraft } from '../../store/file-draft.ts';

/** Where `--out` leads: a file that can be replaced, or a pipe or terminal that takes what comes. */
async function isReplaceable(out: string): Promise<boolean> {
  const there = await stat(out).catch(() => undefined);
  if (there?.isDirectory()) throw new Refusal('INVALID_REQUEST', `${JSON.stringify(out)} is a folder.`);
  return there === undefined || there.isFile();
}

/** Writes the file by `write`, which is given the path to write to. Answers its absolute path. */
async function place(out: string, write: (path: string) => Promise<void>): Promise<string> {
  const path = resolve(out);
  if (!(await isReplaceable(path))) {
    await writing(out, () => write(path));
    return path;
  }
  const draft = `${path}.${randomUUID()}.tmp`;
  await writing(out, async () => {
    try {
      await write(draft);
      await rename(draft, path);
    } finally {
      await unlink(draft).catch(() => undefined);
    }
  });
  return path;
}

export const placeText = (out: string, text: string): Promise<string> =>
  place(out, (path) => writeFile(path, text, { mode: 0o600 }));

export const placeCopy = (out: string, from: string): Promise<string> => place(out, (path) => copyFile(from, path));

/** A file that may take long: an interruption leaves what the same command goes on with. Answers what `make` does, and the path. */
export async function placeDraft<T>(out: string, make: (draft: Draft) => Promise<T>): Promise<T & { path: string }> {
  const path = resolve(out);
  if (!(await isReplaceable(path))) {
    // Nothing can be gone back to in a pipe.
    const folder = await mkdtemp(join(tmpdir(), 'aga-export-'));
    try {
      const made = await placeDraft(join(folder, 'evidence.json'), make);
      await place(out, (pipe) => pipeline(createReadStream(made.path), createWriteStream(pipe)));
      return { ...made, path };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  const draft = await writing(out, () => openDraft(path));
  try {
    const made = await writing(out, () => make(draft));
    return { ...made, path: await writing(out, () => draft.finish(path)) };
  } finally {
    await draft.close();
  }
}

/**
 * The files of a log in a folder. Those that are there already, byte for byte, stay; so an interrupted export goes on, and
 * one that is repeated adds what is new. Answers how many there are, and how many were written.
 */
export async function placeFiles(
  out: string,
  origin: string,
  files: AsyncIterable<TlogFile>,
  watch: (done: number) => void,
): Promise<{ readonly files: number; readonly written: number }> {
  await refuseOther(out, origin);
  let [count, written] = [0, 0];
  for await (const { path, bytes } of files) {
    const file = join(out, path);
    const there = await readFile(file).catch(() => undefined);
    if (!there?.equals(bytes)) {
      await writing(out, () => mkdir(dirname(file), { recursive: true }));
      await place(file, (draft) => writeFile(draft, bytes));
      written += 1;
    }
    count += 1;
    watch(count);
  }
  return { files: count, written };
}

/** A folder holds one log. */
async function refuseOther(out: string, origin: string): Promise<void> {
  const there = await readFile(join(out, 'checkpoint'), 'utf8').catch(() => '');
  if (there === '' || there.split('\n')[0] === origin) return;
  throw new Refusal('INVALID_REQUEST', `${JSON.stringify(out)} holds another log.`);
}

async function writing<T>(out: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException; // what the file system throws has both
    if (code === undefined || syscall === undefined) throw error;
    throw new Refusal('INVALID_REQUEST', `${JSON.stringify(out)} cannot be written (${code}).`);
  }
}
