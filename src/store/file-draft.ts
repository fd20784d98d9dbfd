/**
 * A file that is written beside its name, `<name>.part`, and gets that name when it is whole. What a process that was
 * killed has left, with its notes in `<name>.part.notes`, is there for the next one that wants the same file.
 *
 * Of two processes that want it at once the second writes a file that nobody continues. Who is at it stands in the notes
 * as a process id; where that is somebody else's by now, only the work of the one who died is lost.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Draft } from '../ports.ts';

export interface FileDraft extends Draft {
  /** From now on it has its name, durably; answers its path. */
  finish(name: string): Promise<string>;
}

type Final = (name: string) => string;

/** Of this process. */
const claimed = new Set<string>();

/** `final`: the path of what is finished under a name. @throws what the file system throws. */
export async function openDraft(path: string, final: Final = resolve): Promise<FileDraft> {
  const part = `${path}.part`;
  const notes = await readNotes(`${part}.notes`);
  const isFree = !claimed.has(part) && (notes.owner === undefined || (await isGone(notes.owner)));
  const file = isFree ? await openOwn(part) : undefined;
  if (file) return new KeptDraft(part, file, final, notes.lines);
  const name = `${path}.${randomUUID()}.part`;
  return new LostDraft(name, await open(name, 'wx+', 0o600), final);
}

/** Nobody's link and nobody else's file is written through. */
async function openOwn(part: string): Promise<FileHandle | undefined> {
  const { O_RDWR, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  let file: FileHandle;
  try {
    file = await open(part, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error; // what the file system throws has a code
    return undefined;
  }
  const found = await file.stat();
  if (found.isFile() && found.nlink === 1 && (process.getuid?.() ?? found.uid) === found.uid) return file;
  await file.close();
  return undefined;
}

const OWNER = '# ';

async function readNotes(path: string): Promise<{ readonly owner?: number; readonly lines: readonly string[] }> {
  const text = await readFile(path, 'utf8').catch(() => '');
  // A line that was not written whole is none.
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1);
  const owner = Number(lines[0]?.startsWith(OWNER) ? lines[0].slice(OWNER.length) : Number.NaN);
  return Number.isSafeInteger(owner) && owner > 0 ? { owner, lines: lines.slice(1) } : { lines: [] };
}

/** How long somebody who was just killed may take to be gone: so often it is looked, so many milliseconds apart. */
const LOOKS = 10;
const APART = 100;

async function isGone(pid: number): Promise<boolean> {
  for (let look = 0; isAlive(pid); look += 1) {
    if (look === LOOKS) return false;
    await sleep(APART);
  }
  return true;
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // somebody else's process is one too
  }
}

/** Bytes read at once. */
const PIECE = 1 << 20;

/** A draft that nobody continues. */
class LostDraft implements FileDraft {
  protected readonly part: string;
  protected readonly file: FileHandle;
  readonly #final: Final;
  #length = 0;

  constructor(part: string, file: FileHandle, final: Final) {
    this.part = part;
    this.file = file;
    this.#final = final;
  }

  get notes(): readonly string[] {
    return [];
  }

  async *read(bytes: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes; ) {
      const piece = new Uint8Array(Math.min(PIECE, bytes - at));
      const { bytesRead } = await this.file.read(piece, 0, piece.length, at);
      if (bytesRead === 0) return;
      yield piece.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  async rewind(bytes: number, _notes: number): Promise<void> {
    await this.file.truncate(bytes);
    this.#length = bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    let done = 0;
    do {
      const { bytesWritten } = await this.file.write(bytes, done, bytes.length - done, this.#length);
      done += bytesWritten;
      this.#length += bytesWritten;
    } while (done < bytes.length);
  }

  async note(_line: string): Promise<void> {}

  async finish(name: string): Promise<string> {
    const path = this.#final(name);
    await this.file.sync();
    await rename(this.part, path);
    return path;
  }

  async close(): Promise<void> {
    await this.file.close();
    await unlink(this.part).catch(() => undefined);
  }
}

/** One that the next process continues, if this one does not finish it. */
class KeptDraft extends LostDraft {
  #notes: string[];
  #isDone = false;

  constructor(part: string, file: FileHandle, final: Final, notes: readonly string[]) {
    super(part, file, final);
    this.#notes = [...notes];
    claimed.add(part);
  }

  override get notes(): readonly string[] {
    return this.#notes;
  }

  override async rewind(bytes: number, notes: number): Promise<void> {
    await super.rewind(bytes, notes);
    this.#notes = this.#notes.slice(0, notes);
    const lines = [`${OWNER}${process.pid}`, ...this.#notes].map((line) => `${line}\n`);
    await unlink(`${this.part}.notes`).catch(() => undefined);
    await writeFile(`${this.part}.notes`, lines.join(''), { mode: 0o600, flag: 'wx' });
  }

  override async note(line: string): Promise<void> {
    this.#notes.push(line);
    await writeFile(`${this.part}.notes`, `${line}\n`, { flag: 'a' });
  }

  override async finish(name: string): Promise<string> {
    const path = await super.finish(name);
    this.#isDone = true;
    await unlink(`${this.part}.notes`).catch(() => undefined);
    return path;
  }

  override async close(): Promise<void> {
    claimed.delete(this.part);
    const { size } = await this.file.stat();
    await this.file.close();
    // An empty beginning is litter.
    if (this.#isDone || size > 0) return;
    for (const name of [this.part, `${this.part}.notes`]) await unlink(name).catch(() => undefined);
  }
}
