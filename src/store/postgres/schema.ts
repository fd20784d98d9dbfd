/**
 * The tables of all chains of a database, in a schema of their own. A step that was released is never changed: a newer
 * schema is one more item of the list.
 */

import { GUARDS } from './guards.ts';

/** Where the tables live, whatever `search_path` says. */
export const SCHEMA = 'aga';

/**
 * `chains` has one row for each authority; the holder of that row's lock may append. `entries` are the chains. `checkpoints` is
 * every signed head there ever was, the last one the head (`frontier` is a column of an earlier version, and stays empty),
 * so no row is ever updated and a long backup leaves no trail of dead ones. `touches` answers whose entries are whose, one row for an entry and an
 * artifact: `direct` is 1 where the entry names it and 0 where it names only a descendant. `nodes` is the hash tree above
 * the leaves, at every eighth level.
 *
 * Statements are planned while the tables are empty, so that no index may look as good as the one that is meant: `kind`
 * comes first in its index for the sake of those that do not ask for it.
 */
const FIRST = `
  CREATE TABLE aga.chains (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
  CREATE TABLE aga.entries (
    chain integer NOT NULL, seq bigint NOT NULL, hash bytea NOT NULL, kind text NOT NULL, entry text NOT NULL,
    PRIMARY KEY (chain, seq)
  );
  CREATE INDEX entries_by_kind ON aga.entries (kind, chain, seq);
  CREATE TABLE aga.touches (
    chain integer NOT NULL, artifact bytea NOT NULL, direct smallint NOT NULL, seq bigint NOT NULL,
    PRIMARY KEY (chain, artifact, direct, seq)
  );
  CREATE TABLE aga.checkpoints (
    chain integer NOT NULL, size bigint NOT NULL, note text NOT NULL, frontier bytea NOT NULL,
    PRIMARY KEY (chain, size)
  );
  CREATE TABLE aga.nodes (
    chain integer NOT NULL, level smallint NOT NULL, idx bigint NOT NULL, hash bytea NOT NULL,
    PRIMARY KEY (chain, level, idx)
  );
  CREATE TABLE aga.nonces (chain integer NOT NULL, id text NOT NULL, until bigint NOT NULL, PRIMARY KEY (chain, id));
  CREATE INDEX nonces_by_end ON aga.nonces (chain, until);

  CREATE FUNCTION aga.only_grows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
  BEGIN
    RAISE EXCEPTION '%.% only grows: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
      USING ERRCODE = 'restrict_violation';
  END $$;
  CREATE FUNCTION aga.only_follows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
  BEGIN
    IF EXISTS (
      SELECT FROM (SELECT chain, min(seq) AS first, max(seq) AS last, count(*) AS many FROM added GROUP BY chain) AS a
      WHERE a.last - a.first + 1 <> a.many
        OR a.first <> coalesce((SELECT seq + 1 FROM aga.entries AS e WHERE e.chain = a.chain AND e.seq = a.first - 1), 0)
    ) THEN
      RAISE EXCEPTION 'the chain only grows at its end' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
  END $$;
  ${GUARDS.map(({ sql }) => sql).join('')}
`;

/**
 * `archives` says up to where the entries of a chain stand in files too, in which folder, and up to where their text was
 * taken out of `entries`; hashes, kinds and places stay. `thin` takes it out, and is for the owner of the tables alone: it
 * lifts the trigger and puts it back within one transaction, under a lock that keeps everybody else from writing, and
 * touches nothing that no archive covers.
 */
const ARCHIVES = `
  CREATE TABLE aga.archives (
    chain integer PRIMARY KEY, folder text NOT NULL, size bigint NOT NULL, removed bigint NOT NULL DEFAULT 0
  );
  GRANT SELECT ON aga.archives TO PUBLIC;
  CREATE FUNCTION aga.thin(which integer, first bigint, upto bigint, spared bigint[]) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
  DECLARE
    covered aga.archives;
    many bigint;
  BEGIN
    SELECT * INTO covered FROM aga.archives WHERE chain = which FOR UPDATE;
    IF NOT FOUND OR upto > covered.size OR first > covered.removed
      OR upto >= (SELECT size FROM aga.checkpoints WHERE chain = which ORDER BY size DESC LIMIT 1) THEN
      RAISE EXCEPTION 'no archive covers these entries' USING ERRCODE = 'restrict_violation';
    END IF;
    ALTER TABLE aga.entries DISABLE TRIGGER entries_only_grows;
    UPDATE aga.entries SET entry = ''
      WHERE chain = which AND seq >= first AND seq < upto AND entry <> '' AND seq <> ALL (spared);
    GET DIAGNOSTICS many = ROW_COUNT;
    ALTER TABLE aga.entries ENABLE ALWAYS TRIGGER entries_only_grows;
    UPDATE aga.archives SET removed = greatest(removed, upto) WHERE chain = which;
    RETURN many;
  END $$;
  REVOKE ALL ON FUNCTION aga.thin FROM PUBLIC;
`;

/**
 * `said` is what was said in jobs, of which the chain holds the digests; `beats` is who was last heard of when. Neither is
 * part of the chain, and both are forgotten after days.
 */
const JOBS = `
  CREATE TABLE aga.said (
    chain integer NOT NULL, job text NOT NULL, digest bytea NOT NULL, said text NOT NULL,
    kept timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (chain, job, digest)
  );
  CREATE INDEX said_by_age ON aga.said (chain, kept);
  CREATE TABLE aga.beats (
    chain integer NOT NULL, id text NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (chain, id)
  );
`;

export interface Migration {
  /** What it does, for `migrate --dry-run`. */
  readonly title: string;
  readonly sql: string;
}

/** Item n leads from version n to n + 1 (`aga.versions`). There is no way back. */
export const MIGRATIONS: readonly Migration[] = [
  { title: 'the chains of all authorities, their checkpoints, and what was used once', sql: FIRST },
  { title: 'what was archived, and where to', sql: ARCHIVES },
  { title: 'what was said in jobs, and who was last heard of when', sql: JOBS },
];

/** What a replica needs and no more: it adds to the chain, and can neither change nor remove. The lock on a row of `chains` asks for UPDATE. */
export const GRANTS: readonly string[] = [
  'GRANT USAGE ON SCHEMA aga TO %ROLE%',
  'GRANT SELECT ON ALL TABLES IN SCHEMA aga TO %ROLE%',
  'GRANT INSERT ON aga.entries, aga.touches, aga.checkpoints, aga.nodes TO %ROLE%',
  'GRANT INSERT (name), UPDATE (name) ON aga.chains TO %ROLE%',
  'GRANT INSERT, DELETE ON aga.nonces TO %ROLE%',
  'GRANT INSERT, DELETE ON aga.said TO %ROLE%',
  'GRANT INSERT, UPDATE, DELETE ON aga.beats TO %ROLE%',
];
