/** Files and folders as facts that can be hashed: what kind, which mode, which content. */
import { createHash } from 'node:crypto';
import { lstat, open, readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ask } from '../following.ts';

/** `[path, kind, …]`, in the order of paths. */
export type Fact = readonly [path: string, kind: string, ...rest: string[]];

/** How closely files are looked at. */
export interface Look {
  /** Files and folders in one tree. */
  readonly most: number;
  /** What stands for the content of a file. */
  readonly content: (path: string, ask: Ask) => Promise<string>;
}

export interface TreeOptions {
  readonly ask: Ask;
  readonly look?: Look | undefined;
  /** Folders that are left out, by name. */
  readonly without?: (name: string) => boolean;
}

const MAX_BYTES = 1024 ** 3;
/** What of a file is read by one question: any disk has it within the second that a question has. */
const PIECE = 2 ** 20;

export const THOROUGH: Look = { most: 20_000, content: fileDigest };
/** Says whether it is worth a thorough look: few questions, and nothing is read. */
export const GLANCE: Look = { most: 100, content: fileStamp };

/** Has no digest, and not for want of a way to measure it: the message says why. */
export class Unmeasured extends Error {
  override readonly name = 'Unmeasured';
}

/** More than can be measured on the way to a call. */
const tooLarge = () => new Unmeasured('too large to be measured');

/** Facts of everything at and below `path`, named relative to it. Links are not followed. Throws `Unmeasured`, `UPSTREAM_FAILED`. */
export async function treeFacts(path: string, options: TreeOptions): Promise<readonly Fact[]> {
  const { ask, look = THOROUGH, without = () => false } = options;
  const facts: Fact[] = [];
  let bytes = 0;
  const open = [''];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (facts.length > look.most) throw tooLarge();
    const place = join(path, at);
    const stats = await ask(place, () => lstat(place).catch(() => undefined));
    const mode = stats ? (stats.mode & 0o7777).toString(8) : '';
    if (!stats) facts.push([at, 'missing']);
    else if (stats.isSymbolicLink()) facts.push([at, 'link', await ask(place, () => readlink(place))]);
    else if (stats.isDirectory()) {
      facts.push([at, 'folder', mode]);
      const names = (await ask(place, () => readdir(place))).filter((name) => !without(name));
      if (names.length > look.most) throw tooLarge();
      open.push(...names.map((name) => (at === '' ? name : `${at}/${name}`)));
    } else if (stats.isFile()) {
      bytes += stats.size;
      if (bytes > MAX_BYTES) throw tooLarge();
      facts.push([at, 'file', mode, await look.content(place, ask)]);
    } else facts.push([at, 'special', mode]);
  }
  return facts.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Hex SHA-256 of a file's content. Throws `UPSTREAM_FAILED`. */
export async function fileDigest(path: string, ask: Ask): Promise<string> {
  const hash = createHash('sha256');
  for (let from = 0; ; from += PIECE) {
    const piece = await ask(path, () => pieceOf(path, from));
    hash.update(piece);
    if (piece.length < PIECE) return hash.digest('hex');
  }
}

/** Which file it is and when it was changed last, which nobody but the system's owner can turn back. */
function fileStamp(path: string, ask: Ask): Promise<string> {
  return ask(path, async () => {
    const { dev, ino, size, ctimeNs } = await stat(path, { bigint: true });
    return `${dev} ${ino} ${size} ${ctimeNs}`;
  });
}

/** Of a file that is open for no longer than the question: one that is never answered leaves nothing to be closed. */
async function pieceOf(path: string, from: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const piece = Buffer.allocUnsafe(PIECE);
    for (let filled = 0; ; ) {
      const { bytesRead } = await file.read(piece, filled, PIECE - filled, from + filled);
      filled += bytesRead;
      if (bytesRead === 0 || filled === PIECE) return piece.subarray(0, filled);
    }
  } finally {
    await file.close();
  }
}
