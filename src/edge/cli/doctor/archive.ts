/** Where a chain has an archive: whether this machine finds its first and its last file there. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLE, tilePath } from '../../../base/tlog-tiles.ts';
import type { Archived } from '../../../store/archive/shelf.ts';
import type { Desk } from '../command.ts';
import { broken, type Check, ok } from './check.ts';

export const archive: Check = async (desk) => {
  // What keeps the database from being asked is that check's finding.
  const archived = await recorded(desk).catch(() => null);
  if (!archived || archived.size === 0) return [];
  const folder = desk.settings().archiveDir ?? archived.folder;
  // Tiles of hashes: a bundle with an entry too long for it is not written.
  const files = ['checkpoint', tilePath(0, 0), tilePath(0, archived.size / BUNDLE - 1)];
  const missing = files.find((path) => !existsSync(join(folder, path)));
  if (missing === undefined) return [ok('archive', `${archived.size} entries in ${folder}`)];
  return [
    broken(
      'archive',
      `${archived.size} entries are archived, and ${missing} is not in ${folder}.`,
      'Mount that folder, restore it from a copy, or say with AGA_ARCHIVE_DIR where it is on this machine.',
    ),
  ];
};

async function recorded(desk: Desk): Promise<Archived | null> {
  const { dataDir, database, authority } = desk.settings();
  if (database.url !== null) {
    const shared = await import('./shared-database.ts');
    // Opening a chain that does not exist would begin it.
    if (!(await shared.hasChain(database.url, authority))) return null;
    return (await import('../../../store/postgres/archive.ts')).archivedIn(database.url, authority);
  }
  const path = join(dataDir, 'chain.db');
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) return null;
  return (await import('../../../store/sqlite/archive.ts')).archivedAt(path);
}
