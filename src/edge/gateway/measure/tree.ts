/** Files and folders as facts that can be hashed: what kind, which mode, which content. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** `[path, kind, …]`, in the order of paths. */
export type Fact = readonly [path: string, kind: string, ...rest: string[]];

export interface TreeOptions {
  /** Folders that are left out, by name. */
  readonly without?: (name: string) => boolean;
}

const MAX_ENTRIES = 20_000;
const MAX_BYTES = 1024 ** 3;

/** More than can be measured on the way to a call. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge';
}

/** Facts of everything at and below `path`, named relative to it. Links are not followed. Throws `TooLarge`. */
export async function treeFacts(path: string, { without = () => false }: TreeOptions = {}): Promise<readonly Fact[]> {
  const facts: Fact[] = [];
  let bytes = 0;
  const open = [''];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (facts.length > MAX_ENTRIES) throw new TooLarge(`more than ${MAX_ENTRIES} files`);
    const place = join(path, at);
    const stats = await lstat(place).catch(() => undefined);
    const mode = stats ? (stats.mode & 0o7777).toString(8) : '';
    if (!stats) facts.push([at, 'missing']);
    else if (stats.isSymbolicLink()) facts.push([at, 'link', await readlink(place)]);
    else if (stats.isDirectory()) {
      facts.push([at, 'folder', mode]);
      const names = (await readdir(place)).filter((name) => !without(name));
      open.push(...names.map((name) => (at === '' ? name : `${at}/${name}`)));
    } else if (stats.isFile()) {
      bytes += stats.size;
      if (bytes > MAX_BYTES) throw new TooLarge(`more than ${MAX_BYTES} bytes`);
      facts.push([at, 'file', mode, await fileDigest(place)]);
    } else facts.push([at, 'special', mode]);
  }
  return facts.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Hex SHA-256 of a file's content. */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
