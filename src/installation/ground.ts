/** Opens what an authority stands on: its chain, keys, job journal and used nonces, on this machine's disk or in a shared database. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { toDidKey } from '../base/did-key.ts';
import { Refusal } from '../base/refusal.ts';
import { CannotStart } from '../cannot-start.ts';
import { parseVerifierKey, verifierKey } from '../chain/checkpoint.ts';
import { complain } from '../complaint.ts';
import { homeOf, type Settings } from '../config.ts';
import { genesisIn } from '../evidence/genesis.ts';
import { opened as entriesIn, followKeys } from '../evidence/log-keys.ts';
import { fileJournal, type Journal } from '../jobs/journal.ts';
import { filePresence, type Presence } from '../jobs/presence.ts';
import { sharedPresence } from '../jobs/shared-presence.ts';
import { fileKeys, prepareDirectory } from '../keys/file.ts';
import type { Named } from '../keys/shared.ts';
import { type Succession, succession } from '../keys/succession.ts';
import type { Index, Keys, Nonces, Row, Signer, Store, Tree } from '../ports.ts';
import type { Service } from '../service/service.ts';
import { withArchive } from '../store/archive/archived-store.ts';
import { ArchiveReading } from '../store/archive/reading.ts';
import { SqliteNonces } from '../store/nonces.ts';
import { openSqlite } from '../store/sqlite.ts';

export interface Ground {
  readonly store: Store & Tree & Index;
  readonly keys: Keys;
  /** Replaces the log's key by the next one. */
  readonly succession: Succession;
  /** Name of the chain and of its log's key. */
  readonly origin: string;
  /** Where snapshot, checkpoint and evidence are kept. */
  readonly home: string;
  /** Remembers used proofs for everybody who accepts them, until it is closed. */
  openNonces(): Nonces & { close(): void | Promise<void> };
  /** The texts of jobs, shared by all processes that share the chain. */
  readonly journal: Journal;
  readonly presence: Presence;
  /** Whether this process may go on with that chain. Throws `CannotStart`. */
  settle(service: Service): Promise<void>;
}

type Random = (length: number) => Uint8Array;

/** Throws `CannotStart`. */
export async function groundOf(settings: Settings, random: Random): Promise<Ground> {
  const { url } = settings.database;
  prepareDirectory(homeOf(settings));
  warnRoot(settings.dataDir);
  return url === null ? disk(settings, random) : shared(settings, url, random);
}

/** Only root can use a directory of another user, and would leave files there that this user cannot read. */
function warnRoot(directory: string): void {
  if (process.getuid?.() !== 0 || statSync(directory).uid === 0) return;
  complain(
    `The data directory ${directory} belongs to another user, who may not be able to use the files that root creates there. Run this as that user.`,
  );
}

async function disk({ dataDir, authority, archiveDir }: Settings, random: Random): Promise<Ground> {
  const database = join(dataDir, 'chain.db');
  const own = fileKeys({ directory: dataDir, chainExists: hasContent(database), random });
  const following = succession({ directory: dataDir, random });
  const archived = async () => (await import('../store/sqlite/archive.ts')).archivedAt(database);
  const store = withArchive(openSqlite(database), new ArchiveReading({ archived, folder: archiveDir }));
  // The chain can only have another key than ours if a next key waits here; otherwise nothing need be read.
  const keys = turned(own, following, following.waits() ? await namedIn(store) : undefined);
  return {
    store,
    keys,
    succession: following,
    origin: originOf(authority, toDidKey(keys.authority.publicKey)),
    home: dataDir,
    openNonces: () => new SqliteNonces(join(dataDir, 'nonces.db'), Date.now),
    journal: fileJournal(join(dataDir, 'jobs'), Date.now),
    presence: filePresence(dataDir),
    settle: async () => {},
  };
}

/** Milliseconds after which a person wonders what is happening. */
const SLOW_MS = 1_000;

async function shared(settings: Settings, url: string, random: Random): Promise<Ground> {
  const { authority, database, archiveDir } = settings;
  const home = homeOf(settings);
  // PostgreSQL and the keys from elsewhere are loaded only here.
  const [{ openPostgres }, { PostgresNonces }, { PostgresJournal }, shares] = await Promise.all([
    import('../store/postgres.ts'),
    import('../store/postgres/nonces.ts'),
    import('../store/postgres/journal.ts'),
    import('../keys/shared.ts'),
  ]);
  const slow = setTimeout(() => complain('The database does not answer yet; waiting for it.'), SLOW_MS);
  const opened = await openPostgres({ url, chain: authority })
    .catch((error) => {
      if (!(error instanceof Refusal)) throw error;
      const advice =
        error.code === 'CHAIN_CONTENDED'
          ? 'Check that it is running, and its address in AGA_DATABASE_URL.'
          : error.hint;
      throw new CannotStart(`${error.message} ${advice}`);
    })
    .finally(() => clearTimeout(slow));
  const archived = async () => (await import('../store/postgres/archive.ts')).archivedIn(url, authority);
  const store = withArchive(opened, new ArchiveReading({ archived, folder: archiveDir }));
  try {
    const began = await namedIn(store);
    const from = { directory: home, sources: database.keys, random };
    const following = shares.sharedSuccession(from);
    const keys = turned(shares.sharedKeys({ ...from, began: began?.authority ?? null }), following, began);
    const origin = originOf(authority, toDidKey(keys.authority.publicKey));
    const refuse = (named: Named): void => shares.refuseForeign(keys, verifierKey(origin, keys.log.publicKey), named);
    if (began) refuse(began);
    const journal = new PostgresJournal({ url, chain: authority });
    return {
      store,
      keys,
      succession: following,
      origin,
      home,
      journal,
      presence: sharedPresence(filePresence(home), journal),
      openNonces: () => new PostgresNonces({ url, chain: authority, clock: Date.now }),
      async settle(service) {
        // If several replicas start at once, each with its own keys, one begins the chain, and the others fail here.
        if (began) return;
        await service.begin().catch(() => undefined);
        const now = await namedIn(store);
        if (now) refuse(now);
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** All entries that changed the log's key; nobody makes more than this limit. */
export const keyChanges = async (store: Pick<Store, 'read'>): Promise<readonly Row[]> =>
  (await store.read({ after: 0, limit: 10_000, kind: 'LOG_KEY' })).rows;

/** Whose chain this is; undefined if it is empty or unreadable, which `verify` explains. */
async function namedIn(store: Store): Promise<Named | undefined> {
  const { rows } = await store.read({ after: -1, limit: 1 });
  if (!rows[0]) return undefined;
  const changes = await keyChanges(store);
  try {
    const { authority, log } = genesisIn(rows[0].entry);
    const known = followKeys({ authority, key: log, from: 0 }, entriesIn(changes.map(({ entry }) => entry)));
    return { authority, log: known.map(({ key }) => key) };
  } catch {
    return undefined;
  }
}

/** The keys, with the log's present key as the chain names it, if it is here, and with a look-up of next keys. */
function turned({ authority, log }: Keys, { find }: Succession, named: Named | undefined): Keys {
  const successor = (publicKey: Uint8Array): Signer | undefined => {
    try {
      return find(publicKey);
    } catch (error) {
      // An unreadable key counts as absent; the caller that needs it reports that.
      if (error instanceof CannotStart) return undefined;
      throw error;
    }
  };
  const present = parseVerifierKey(named?.log.at(-1) ?? '')?.publicKey ?? log.publicKey;
  const isOurs = Buffer.compare(present, log.publicKey) === 0;
  return { authority, log: (isOurs ? undefined : successor(present)) ?? log, successor };
}

const originOf = (name: string, authority: string): string =>
  `aga-delegate/${name}/${authority.slice('did:key:'.length)}`;

const hasContent = (path: string): boolean => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
