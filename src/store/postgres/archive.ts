/** The archive of a chain in PostgreSQL: replicas read what was recorded, and only the owner of the tables takes text out. */
import { Client } from 'pg';
import { Refusal } from '../../base/refusal.ts';
import type { Archived, Shelf } from '../archive/shelf.ts';
import { addressOf } from './address.ts';
import { hasNoTls, inWords } from './failure.ts';
import { chainOf } from './greet.ts';
import { type Cells, Link, type Session, type Statement } from './link.ts';

export interface PostgresShelfOptions {
  readonly url: string;
  /** URL of the owner of the tables; null if nothing is to be removed. */
  readonly owner: string | null;
  readonly chain: string;
}

/** What was recorded, asked once over a connection of its own: only who meets an archived entry asks. @throws Refusal */
export async function archivedIn(url: string, chain: string): Promise<Archived | null> {
  const shelf = postgresShelf({ url, owner: null, chain });
  return shelf.archived().finally(() => shelf.close());
}

export function postgresShelf({ url, owner, chain }: PostgresShelfOptions): Shelf {
  const ours = new Link({ address: addressOf(url), patience: 5000, greet: async () => {} });
  const theirs =
    owner === null ? undefined : new Link({ address: ownersAddress(owner), patience: 5000, greet: waitBriefly });
  const ask = async (link: Link | undefined, statement: (id: number) => Statement): Promise<readonly Cells[]> => {
    if (!link) throw noOwner();
    try {
      const session = await link.patiently(async (open) => open);
      return (await session.ask(statement(await chainOf(session, chain))))[0] ?? [];
    } catch (error) {
      throw link === ours ? inWords(error) : ofOwner(inWords(error));
    }
  };
  return {
    async archived() {
      const [found] = await ask(ours, (id) => ({ text: ARCHIVED, values: [id] }));
      if (!found) return null;
      const [folder, size, removed, origin] = found;
      return { folder: String(folder), size: Number(size), removed: Number(removed), origin: String(origin) };
    },
    async checkpointFrom(size) {
      const [found] = await ask(ours, (id) => ({ text: CHECKPOINT, values: [id, size] }));
      return found && { size: Number(found[0]), note: String(found[1]) };
    },
    async weigh(first, end) {
      const [found] = await ask(ours, (id) => ({ text: WEIGH, values: [id, first, end] }));
      return Number(found?.[0]);
    },
    async mayRemove() {
      if (!theirs) throw noOwner();
      const asked = theirs.patiently((session) => session.ask({ text: OWNS }));
      const [[[owns] = []] = []] = await asked.catch((error) => {
        throw ofOwner(error);
      });
      if (owns !== true)
        throw new Refusal('INVALID_REQUEST', 'The role of AGA_OWNER_URL does not own the tables of the chain.', {
          hint: 'Name the role that ran `aga-delegate migrate`.',
        });
      // Two URLs may lead to two databases; nothing is taken out of one because of what the other holds.
      const [[last] = []] = await ask(ours, (id) => ({ text: LAST, values: [id] }));
      const [[same] = []] = await ask(theirs, (id) => ({ text: SAME, values: [id, last] }));
      if (same !== true)
        throw new Refusal('INVALID_REQUEST', 'AGA_OWNER_URL leads to another database than AGA_DATABASE_URL.');
    },
    async record(folder, size, before) {
      const seen = [before?.folder ?? null, before?.size ?? null, before?.removed ?? null];
      return (await ask(theirs, (id) => ({ text: RECORD, values: [id, folder, size, ...seen] }))).length > 0;
    },
    async thin(first, end, spared) {
      const [found] = await ask(theirs, (id) => ({ text: THIN, values: [id, first, end, spared] }));
      return Number(found?.[0]);
    },
    async kept(kinds, after, end) {
      const found = await ask(ours, (id) => ({ text: KEPT, values: [id, kinds, after, end] }));
      return found.map(([seq]) => Number(seq));
    },
    async tidy(compact) {
      if (owner === null) throw noOwner();
      await tidy(owner, compact);
    },
    async close() {
      await Promise.all([ours.close(), theirs?.close()]);
    },
  };
}

/** Writers wait for us, so we never make them wait in line behind us. */
async function waitBriefly(session: Session): Promise<void> {
  await session.ask({ text: 'SET lock_timeout = 5000' });
}

/** Takes as long as it takes, unlike whatever is asked over a `Link`. */
async function tidy(owner: string, compact: boolean): Promise<void> {
  const [url, plain] = ownersAddress(owner);
  const text = `VACUUM ${compact ? '(FULL)' : ''} aga.entries`;
  try {
    await alone(url, text).catch((error) => {
      if (plain === undefined || !hasNoTls(error)) throw error;
      return alone(plain, text);
    });
  } catch (error) {
    throw ofOwner(inWords(error));
  }
}

async function alone(connectionString: string, text: string): Promise<void> {
  const client = new Client({ connectionString, fallback_application_name: 'aga-delegate' });
  // What breaks the connection is told by the query.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(text);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function ownersAddress(owner: string): ReturnType<typeof addressOf> {
  try {
    return addressOf(owner);
  } catch (error) {
    throw ofOwner(error);
  }
}

/** The words for what is wrong with a URL name the other one. */
function ofOwner(error: unknown): unknown {
  if (!(error instanceof Refusal)) return error;
  const renamed = (text: string): string => text.replaceAll('AGA_DATABASE_URL', 'AGA_OWNER_URL');
  return new Refusal(error.code, renamed(error.message), { hint: renamed(error.hint) });
}

const noOwner = (): Refusal =>
  new Refusal('INVALID_REQUEST', 'Only the owner of the tables can take archived entries out of the database.', {
    hint: "Name the owner's URL with AGA_OWNER_URL; replicas keep the role that can neither change nor remove.",
  });

const ARCHIVED = `
  SELECT folder, size, removed,
    (SELECT split_part(note, E'\\n', 1) FROM aga.checkpoints WHERE chain = $1 ORDER BY size DESC LIMIT 1)
  FROM aga.archives WHERE chain = $1`;
const CHECKPOINT = 'SELECT size, note FROM aga.checkpoints WHERE chain = $1 AND size >= $2 ORDER BY size LIMIT 1';
const LAST = 'SELECT note FROM aga.checkpoints WHERE chain = $1 ORDER BY size DESC LIMIT 1';
const SAME = 'SELECT EXISTS (SELECT FROM aga.checkpoints WHERE chain = $1 AND note = $2)';
const WEIGH =
  'SELECT coalesce(sum(octet_length(entry)), 0) FROM aga.entries WHERE chain = $1 AND seq >= $2 AND seq < $3';
const OWNS = `SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('aga.entries')`;
const RECORD = `
  INSERT INTO aga.archives AS a (chain, folder, size) VALUES ($1, $2, $3)
  ON CONFLICT (chain) DO UPDATE SET folder = excluded.folder,
    size = CASE WHEN a.folder = excluded.folder THEN greatest(a.size, excluded.size) ELSE excluded.size END
  WHERE a.folder = $4 AND a.size = $5 AND a.removed = $6
  RETURNING true`;
const THIN = 'SELECT aga.thin($1, $2, $3, $4::bigint[])';
const KEPT = `
  SELECT seq FROM aga.entries WHERE chain = $1 AND kind = ANY ($2::text[]) AND seq > $3 AND seq < $4 AND entry <> ''
  ORDER BY seq LIMIT 1000`;
