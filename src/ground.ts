/** What an authority stands on: its chain, its keys, and the memory of what was used once. On this machine's disk, or shared. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { toDidKey } from './base/did-key.ts';
import { Refusal } from './base/refusal.ts';
import { verifierKey } from './chain/checkpoint.ts';
import type { Settings } from './config.ts';
import { genesisIn } from './evidence/genesis.ts';
import { fileJournal, type Journal } from './jobs/journal.ts';
import { filePresence, type Presence } from './jobs/presence.ts';
import { sharedPresence } from './jobs/shared-presence.ts';
import { CannotStart, fileKeys, prepareDirectory } from './keys/file.ts';
import type { Keys, Nonces, Store, Tree } from './ports.ts';
import type { Service } from './service/service.ts';
import { withArchive } from './store/archive/archived-store.ts';
import { ArchiveReading } from './store/archive/reading.ts';
import { SqliteNonces } from './store/nonces.ts';
import { openSqlite } from './store/sqlite.ts';

export interface Ground {
  readonly store: Store & Tree;
  readonly keys: Keys;
  /** Name of the chain and of its log's key. */
  readonly origin: string;
  /** Where snapshot, checkpoint and evidence are kept. */
  readonly home: string;
  /** Remembers used proofs for everybody who accepts them, until it is closed. */
  openNonces(): Nonces & { close(): void | Promise<void> };
  /** What was said in jobs: shared by whoever shares the chain. */
  readonly journal: Journal;
  readonly presence: Presence;
  /** Whether this process may go on with that chain. Throws `CannotStart`. */
  settle(service: Service): Promise<void>;
}

type Random = (length: number) => Uint8Array;

/** Throws `CannotStart`. */
export async function groundOf(settings: Settings, random: Random): Promise<Ground> {
  const { url } = settings.database;
  return url === null ? disk(settings, random) : shared(settings, url, random);
}

function disk({ dataDir, authority, archiveDir }: Settings, random: Random): Ground {
  prepareDirectory(dataDir);
  const database = join(dataDir, 'chain.db');
  const keys = fileKeys({ directory: dataDir, chainExists: hasContent(database), random });
  const archived = async () => (await import('./store/sqlite/archive.ts')).archivedAt(database);
  return {
    store: withArchive(openSqlite(database), new ArchiveReading({ archived, folder: archiveDir })),
    keys,
    origin: originOf(authority, toDidKey(keys.authority.publicKey)),
    home: dataDir,
    openNonces: () => new SqliteNonces(join(dataDir, 'nonces.db'), Date.now),
    journal: fileJournal(join(dataDir, 'jobs'), Date.now),
    presence: filePresence(dataDir),
    settle: async () => {},
  };
}

/** One database holds many authorities: each has a folder of its own for its keys. */
export const homeOf = ({ dataDir, authority }: Settings): string =>
  authority === 'default' ? dataDir : join(dataDir, authority);

async function shared(settings: Settings, url: string, random: Random): Promise<Ground> {
  const { authority, database, archiveDir } = settings;
  const home = homeOf(settings);
  prepareDirectory(home);
  // Loaded only where it is asked for, as is what reads keys from elsewhere.
  const [{ openPostgres }, { PostgresNonces }, { PostgresJournal }, { sharedKeys, refuseForeign }] = await Promise.all([
    import('./store/postgres.ts'),
    import('./store/postgres/nonces.ts'),
    import('./store/postgres/journal.ts'),
    import('./keys/shared.ts'),
  ]);
  const opened = await openPostgres({ url, chain: authority }).catch((error) => {
    if (!(error instanceof Refusal)) throw error;
    const advice =
      error.code === 'CHAIN_CONTENDED' ? 'Check that it runs, and its address in AGA_DATABASE_URL.' : error.hint;
    throw new CannotStart(`${error.message} ${advice}`);
  });
  const archived = async () => (await import('./store/postgres/archive.ts')).archivedIn(url, authority);
  const store = withArchive(opened, new ArchiveReading({ archived, folder: archiveDir }));
  try {
    const began = await beginning(store);
    const keys = sharedKeys({ directory: home, sources: database.keys, began: began?.authority ?? null, random });
    const origin = originOf(authority, toDidKey(keys.authority.publicKey));
    const refuse = (genesis: Genesis): void => refuseForeign(keys, verifierKey(origin, keys.log.publicKey), genesis);
    if (began) refuse(began);
    const journal = new PostgresJournal({ url, chain: authority });
    return {
      store,
      keys,
      origin,
      home,
      journal,
      presence: sharedPresence(filePresence(home), journal),
      openNonces: () => new PostgresNonces({ url, chain: authority, clock: Date.now }),
      async settle(service) {
        // Of replicas that start with keys of their own at once, one begins the chain, and the others find that out.
        if (began) return;
        await service.begin().catch(() => undefined);
        const now = await beginning(store);
        if (now) refuse(now);
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

interface Genesis {
  readonly authority: string;
  readonly log: string;
}

/** What the first entry says; undefined without one, and where it cannot be read, which is for `verify` to tell. */
async function beginning(store: Store): Promise<Genesis | undefined> {
  const { rows } = await store.read({ after: -1, limit: 1 });
  try {
    return rows[0] && genesisIn(rows[0].entry);
  } catch {
    return undefined;
  }
}

const originOf = (name: string, authority: string): string =>
  `aga-delegate/${name}/${authority.slice('did:key:'.length)}`;

const hasContent = (path: string): boolean => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
