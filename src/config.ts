/** Every setting, once: where it comes from, and what it is without one. Flags win over environment, over file, over default. */
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { CannotStart } from './cannot-start.ts';
import { type Database, databaseIn } from './config/database.ts';
import { type Config, defaults, readConfig } from './config/file.ts';

export interface Settings {
  readonly dataDir: string;
  /** Name of the authority: part of the chain's origin. */
  readonly authority: string;
  /** Hash of the artifact that a stdio session is bound to; null for the operator. */
  readonly artifact: string | null;
  /** Enrolment token that this process redeems, to act as the agent it was minted for; null without one. */
  readonly token: string | null;
  /** Another authority to work with, instead of the data directory's own; null without one. */
  readonly url: string | null;
  /** The PostgreSQL that replicas share, and where they have their keys from. */
  readonly database: Database;
  /** Where the archive of the chain is on this machine; null for the place that was recorded. */
  readonly archiveDir: string | null;
  /** Flags that another process needs to find the same installation, with absolute paths. */
  readonly launch: readonly string[];
  /** The configuration file, or what holds without one. */
  readonly config: Config;
}

export interface Setting {
  /** Name of the flag, without hyphens in front. */
  readonly flag?: string;
  /** What its value is called in help. */
  readonly value?: string;
  readonly env: string;
  readonly default: string;
  readonly help: string;
}

/** Settings that stand outside the file. */
export const SETTINGS = {
  dataDir: {
    flag: 'data-dir',
    value: 'dir',
    env: 'AGA_DATA_DIR',
    default: "`aga-delegate` in the platform's state directory",
    help: 'Where keys and chain are kept',
  },
  config: {
    flag: 'config',
    value: 'file',
    env: 'AGA_CONFIG',
    default: 'none',
    help: 'The configuration file: JSON with comments; `aga-delegate init` writes one',
  },
  artifact: {
    flag: 'artifact',
    value: 'hash',
    env: 'AGA_ARTIFACT',
    default: 'none: the operator',
    help: 'Act under this artifact, and see only what was delegated from it',
  },
  token: {
    flag: 'token',
    value: 'token',
    env: 'AGA_TOKEN',
    default: 'none',
    help: 'Redeem this enrolment token, and act as the agent it was minted for',
  },
  url: {
    env: 'AGA_URL',
    default: 'none: the data directory',
    help: 'Address of another authority to work with; needs a token',
  },
  operatorToken: {
    env: 'AGA_OPERATOR_TOKEN',
    default: 'made and shown once by `serve`',
    help: "The operator's bearer token over HTTP, 22 characters or more; with `AGA_URL`, the token to send there",
  },
  authority: {
    env: 'AGA_AUTHORITY',
    default: '`default`',
    help: "Name of the authority, a part of the chain's origin: a-z, 0-9 and hyphens",
  },
  database: {
    env: 'AGA_DATABASE_URL',
    default: 'none: a file in the data directory',
    help: 'The PostgreSQL that replicas share: `postgres://…`, with the TLS options of psql',
  },
  authorityKey: {
    env: 'AGA_AUTHORITY_KEY',
    default: '`authority.key` in the data directory',
    help: "With a database: the authority's key in PKCS#8, as PEM or as base64 of its DER",
  },
  logKey: {
    env: 'AGA_LOG_KEY',
    default: '`log.key` in the data directory',
    help: "With a database: the log's key, in the same form",
  },
  nextLogKey: {
    env: 'AGA_NEXT_LOG_KEY',
    default: '`log-next.key` in the data directory',
    help: 'With a database: the next log key, which every replica needs before `keys --rotate`',
  },
  replicaKey: {
    env: 'AGA_REPLICA_KEY',
    default: '`replica.key` in the data directory',
    help: "With a database: the key of a replica that must not issue artifacts, instead of the authority's",
  },
  keyCommand: {
    env: 'AGA_KEY_COMMAND',
    default: 'none',
    help: 'With a database: a command that prints the key that its last argument names: `authority`, `log`, `log-next` or `replica`',
  },
  archiveDir: {
    env: 'AGA_ARCHIVE_DIR',
    default: 'where `archive` wrote them',
    help: 'Where archived entries are on this machine',
  },
  ownerUrl: {
    env: 'AGA_OWNER_URL',
    default: 'none',
    help: 'For `archive` with a database: the URL of the owner of its tables, the only role that may remove entries',
  },
} as const satisfies Record<string, Setting>;

/** As `parseArgs` and the command line give them. */
export type Flags = { readonly [K in 'data-dir' | 'config' | 'artifact' | 'token']?: string | undefined };

/** The flags in the form that `parseArgs` takes. */
export const FLAGS = {
  'data-dir': { type: 'string' },
  config: { type: 'string' },
  artifact: { type: 'string' },
  token: { type: 'string' },
} as const;

/** The authority's name where it has been given none. */
export const UNNAMED = 'default';

/** Throws `CannotStart`. */
export function settings(flags: Flags, env: NodeJS.ProcessEnv, platform: string): Settings {
  const authority = env.AGA_AUTHORITY ?? UNNAMED;
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(authority)) {
    throw new CannotStart('AGA_AUTHORITY must be a DNS label: a-z, 0-9 and hyphens, at most 63 characters.');
  }
  const named = flags['data-dir'] ?? env.AGA_DATA_DIR;
  if (named === '') throw new CannotStart('AGA_DATA_DIR (or --data-dir) is set but empty.');
  const dataDir = named === undefined ? join(stateDirectory(env, platform), 'aga-delegate') : resolve(named);
  const file = flags.config ?? env.AGA_CONFIG;
  if (file === '') throw new CannotStart('AGA_CONFIG (or --config) is set but empty.');
  const artifact = artifactIn(flags.artifact ?? env.AGA_ARTIFACT);
  const token = tokenIn(flags.token ?? env.AGA_TOKEN);
  const url = urlIn(env.AGA_URL);
  if (artifact !== null && token !== null)
    throw new CannotStart('Both an artifact and a token are set; a process acts under only one of them.');
  const archiveDir = env.AGA_ARCHIVE_DIR ?? null;
  if (archiveDir === '') throw new CannotStart('AGA_ARCHIVE_DIR is set but empty.');
  const launch = [
    ...(named === undefined ? [] : ['--data-dir', dataDir]),
    ...(file === undefined ? [] : ['--config', resolve(file)]),
  ];
  return {
    dataDir,
    authority,
    artifact,
    token,
    url,
    database: databaseIn(env),
    archiveDir,
    launch,
    config: file === undefined ? defaults() : readConfig(file),
  };
}

/** Set but not a hash never means "operator": it ends the process. */
function artifactIn(value: string | undefined): string | null {
  if (value === undefined) return null;
  if (/^[0-9a-f]{64}$/.test(value)) return value;
  throw new CannotStart('AGA_ARTIFACT (or --artifact) is set but is not an artifact hash of 64 lower-case hex digits.');
}

/** The same for a token: what cannot be one is no way to become the operator. */
function tokenIn(value: string | undefined): string | null {
  if (value === undefined) return null;
  if (/^lt-delegate-[0-9a-f]{32}\.[A-Za-z0-9_-]{43}$/.test(value)) return value;
  throw new CannotStart('AGA_TOKEN (or --token) is set but is not an enrolment token.');
}

function urlIn(value: string | undefined): string | null {
  if (value === undefined) return null;
  if (URL.canParse(value) && /^https?:[^?#]*$/i.test(value)) return value.replace(/\/+$/, '');
  throw new CannotStart('AGA_URL is set but is not an http or https address without a query.');
}

/** Where the platform keeps what programs remember; never the working directory, so a relative path counts as none. */
function stateDirectory(env: NodeJS.ProcessEnv, platform: string): string {
  const named = (path: string | undefined, ...otherwise: readonly string[]): string => {
    if (path !== undefined && isAbsolute(path)) return path;
    const home = homeFolder();
    if (home === null) throw new CannotStart('This user has no home folder: name a data directory with --data-dir.');
    return join(home, ...otherwise);
  };
  if (platform === 'win32') return named(env.LOCALAPPDATA, 'AppData', 'Local');
  if (platform === 'darwin') return named(undefined, 'Library', 'Application Support');
  return named(env.XDG_STATE_HOME, '.local', 'state');
}

/** From the environment, else from the system's user list; null if neither knows one, as for a bare user id in a container. */
export function homeFolder(asked: readonly (() => string)[] = [homedir, () => userInfo().homedir]): string | null {
  for (const ask of asked) {
    try {
      const folder = ask();
      if (isAbsolute(folder)) return folder;
    } catch {
      // Unknown there.
    }
  }
  return null;
}

/** Where keys and caches are. One database holds many authorities, and each has a folder of its own; a file holds one. */
export const homeOf = ({ dataDir, authority, database }: Settings): string =>
  database.url === null || authority === UNNAMED ? dataDir : join(dataDir, authority);
