/**
 * Where an archive may not stand: among the files that an installation works with. The data directory has a `checkpoint`
 * of its own, which is what this machine remembers of the chain, and an archive writes one of the same name.
 */
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { Refusal } from '../base/refusal.ts';

/**
 * Below the data directory an archive has a folder of its own: new, empty, or an archive. Elsewhere any folder will do.
 *
 * @throws Refusal `INVALID_REQUEST`.
 */
export async function refuseTaken(folder: string, dataDir: string): Promise<void> {
  const [home, place] = [await reached(resolve(dataDir)), await reached(resolve(folder))];
  const way = relative(home, place);
  if (isAbsolute(way) || way === '..' || way.startsWith(`..${sep}`)) return;
  const there = await namesIn(place);
  if (way !== '' && (there.length === 0 || there.includes('tile'))) return;
  throw new Refusal('INVALID_REQUEST', 'The data directory already uses that folder.', {
    hint: 'Name a folder for the archive alone with --to, best on another disk.',
  });
}

/** Where the path leads, links followed as far as it is there. */
async function reached(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(await reached(above), basename(path));
  }
}

/** None where there is no such folder; a file is taken. */
async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? [] : [basename(path)];
  }
}
