/** Whether there is a chain to look at: opening what is not there begins one, and a name that was mistyped looks like an empty chain. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CannotStart } from '../../cannot-start.ts';
import { homeOf } from '../../config.ts';
import type { Desk } from './command.ts';
import { isBarred } from './doctor/installation.ts';
import { plain } from './terminal.ts';

export const databaseOf = (desk: Desk): string => join(desk.settings().dataDir, 'chain.db');
export const hasContent = (path: string): boolean => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;

/** Null where that cannot be known; whoever opens it is told why. */
export async function hasChain(desk: Desk): Promise<boolean | null> {
  const { database, dataDir, authority } = desk.settings();
  if (database.url === null) return isBarred(dataDir) ? null : hasContent(databaseOf(desk));
  const shared = await import('./doctor/shared-database.ts');
  return shared.hasChain(database.url, authority).catch(() => null);
}

/** A chain that was seen before and is gone is a finding. @throws CannotStart where there was none. */
export async function refuseNothing(desk: Desk): Promise<void> {
  const settings = desk.settings();
  if (settings.url !== null || (await hasChain(desk)) !== false) return;
  if (existsSync(join(homeOf(settings), 'checkpoint'))) return;
  const { database, dataDir, authority } = settings;
  const where =
    database.url === null
      ? `in ${plain(dataDir)}. Name another data directory with --data-dir`
      : `named "${authority}" in the database of AGA_DATABASE_URL. AGA_AUTHORITY names another one`;
  throw new CannotStart(`There is nothing to verify: there is no chain ${where}.`);
}

/** To be called before a command looks; what it answers says afterwards whether the command has begun a chain by that. */
export function watchBeginning(desk: Desk): () => void {
  const { url, database, dataDir } = desk.settings();
  const path = databaseOf(desk);
  if (url !== null || database.url !== null || existsSync(path)) return () => {};
  return () => {
    if (existsSync(path)) desk.terminal.err.line(`There was no chain in ${plain(dataDir)}: one begins there now.`);
  };
}
