/** Puts what was made where the command line says: whole or not at all, and never half over what was there. */
import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, lstat, mkdir, mkdtemp, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Refusal } from '../../base/refusal.ts';
import type { TlogFile } from '../../evidence/tlog.ts';
import type { Draft } from '../../ports.ts';
import { openDraft } from '../../store/file-draft.ts';

/** Our own output: what was asked for stands there alone. */
export const isStdout = (out: unknown): boolean => out === '-' || out === '/dev/stdout';

/** Where `--out` leads: a file that can be replaced, or a pipe or terminal that takes what comes. */
async function isReplaceable(out: string): Promise<boolean> {
  if (isStdout(out)) return false;
  const there = await stat(out).catch(() => undefined);
  if (there?.isDirectory()) throw new Refusal('INVALID_REQUEST', `${JSON.stringify(out)} is a folder.`);
  return there === undefined || (there.isFile() && !(await isSystems(out)));
}

/** A link such as /dev/stderr is everybody's: what it leads to now is written on, and it stays. */
const isSystems = async (out: string): Promise<boolean> =>
  /^\/(dev|proc)\//.test(resolve(out)) && (await lstat(out)).isSymbolicLink();

/** Writes the file by `write`, which is given the path to write to. Answers its absolute path. */
async function place<T>(out: string, write: (path: string) => Promise<T>): Promise<{ made: T; path: string }> {
  const path = resolve(out);
  if (!(await isReplaceable(out))) {
    // Nothing can be gone back to in a pipe.
    const folder = await mkdtemp(join(tmpdir(), 'aga-export-'));
    try {
      const whole = join(folder, 'evidence');
      const made = await write(whole);
      await writing(out, () => pour(whole, out));
      return { made, path };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  const draft = `${path}.${randomUUID()}.tmp`;
  return writing(out, async () => {
    try {
      const made = await write(draft);
      await rename(draft, path);
      return { made, path };
    } finally {
      await unlink(draft).catch(() => undefined);
    }
  });
}

async function pour(from: string, out: string): Promise<void> {
  if (!isStdout(out)) return pipeline(createReadStream(from), createWriteStream(out, { flags: 'a' }));
  for await (const piece of createReadStream(from))
    await new Promise((resolve) => process.stdout.write(piece, resolve));
}

export const placeText = async (out: string, text: string): Promise<string> =>
  (await place(out, (path) => writeFile(path, text, { mode: 0o600 }))).path;

export const placeCopy = async (out: string, from: string): Promise<string> =>
  (await place(out, (path) => copyFile(from, path))).path;

/** A file that may take long: an interruption leaves what the same command goes on with. Answers what `make` does, and the path. */
export async function placeDraft<T>(out: string, make: (draft: Draft) => Promise<T>): Promise<T & { path: string }> {
  if (!(await isReplaceable(out))) {
    const { made, path } = await place(out, (whole) => placeDraft(whole, make));
    return { ...made, path };
  }
  const path = resolve(out);
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
    throw new Refusal('INVALID_REQUEST', `${JSON.stringify(out)} cannot be written (${code}).`, {
      hint: 'Make it writable and free some space there, or name another place with --out.',
    });
  }
}
