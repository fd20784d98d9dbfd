/** Node, the settings, the data directory with its files, and the clock: looked at, never touched. */
import { accessSync, constants, readdirSync, type Stats, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nearest } from '../../../config/nearest.ts';
import { SETTINGS } from '../../../config.ts';
import { broken, type Check, type Finding, note, ok, reason } from './check.ts';

export const runtime: Check = async () => {
  const { node, sqlite } = process.versions;
  return [ok('node', `Node.js ${node}, SQLite ${sqlite ?? 'unknown'}`)];
};

/** This product did not exist before; a clock that says so is not set. */
const FIRST_DAY = Date.UTC(2026, 0, 1);

export const clock: Check = async () => {
  const now = new Date().toISOString();
  if (Date.now() >= FIRST_DAY) return [ok('clock', now)];
  return [broken('clock', `The clock says ${now}.`, 'Set the clock: expiry is judged by it.')];
};

/** AGA_ variables that nothing reads: a misspelt AGA_ARTIFACT would silently make us the operator. */
export const environment: Check = async ({ env }) => {
  const known = Object.values(SETTINGS).map((setting) => setting.env);
  return Object.keys(env)
    .filter((name) => name.startsWith('AGA_') && !known.some((each) => each === name))
    .sort()
    .flatMap((name) => {
      // What a job is given, AGA_MCP_CONFIG, is longer than a slip of the hand.
      const meant = nearest(
        name,
        known.filter((each) => Math.abs(each.length - name.length) <= 2),
      );
      return meant ? [note('environment', `${name} is not a setting.`, `Was ${meant} meant?`)] : [];
    });
};

export const configuration: Check = async ({ settings }) => {
  const { config, artifact } = settings();
  const upstreams = Object.keys(config.upstreams).length;
  const findings = [ok('settings', `${upstreams} upstream${upstreams === 1 ? '' : 's'}, mode ${config.mode}`)];
  if (config.mode === 'shadow') {
    findings.push(
      note(
        'mode',
        'Nothing is refused at the gateway in shadow mode.',
        'Set "mode": "enforce" when you have seen enough.',
      ),
    );
  }
  if (artifact !== null)
    findings.push(note('artifact', 'AGA_ARTIFACT is set: commands act under it.', 'Unset it to act as the operator.'));
  return findings;
};

export const directory: Check = async ({ settings }) => {
  const { dataDir } = settings();
  const found = statSync(dataDir, { throwIfNoEntry: false });
  if (!found) return [absent(dataDir)];
  if (!found.isDirectory())
    return [broken('data directory', `${dataDir} is not a directory.`, 'Name another one with --data-dir.')];
  const findings = [...open(dataDir, found, 0o700)];
  try {
    access(dataDir);
    findings.push(...room(dataDir));
    for (const path of [...namesIn(dataDir), ...keysBelow(dataDir)]) {
      const file = statSync(path, { throwIfNoEntry: false });
      if (file?.isFile()) findings.push(...open(path, file, 0o600));
    }
  } catch (error) {
    findings.push(
      broken(
        'data directory',
        `${dataDir} cannot be used: ${reason(error)}.`,
        reason(error) === 'EROFS'
          ? 'Its file system is read-only: mount it for writing, or name another directory with --data-dir.'
          : `Make it yours: sudo chown -R "$USER" '${dataDir}'`,
      ),
    );
  }
  return findings.length > 0 ? findings : [ok('data directory', dataDir)];
};

/** Bytes: less has no room for what SQLite keeps beside a database. */
const LEAST_ROOM = 1 << 20;

function room(dataDir: string): Finding[] {
  const { bavail, bsize, blocks } = statfsSync(dataDir);
  // Some file systems do not say.
  if (blocks === 0 || bavail * bsize >= LEAST_ROOM) return [];
  const left = Math.floor((bavail * bsize) / 1024);
  return [
    broken(
      'disk',
      `The disk of ${dataDir} is full: ${left} KiB are left.`,
      'Free some space; until then calls are refused.',
    ),
  ];
}

const access = (dataDir: string): void => accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);

/** What stands in a directory that cannot be used is not judged: it may be whole. */
export function isBarred(dataDir: string): boolean {
  try {
    access(dataDir);
    return room(dataDir).length > 0;
  } catch (error) {
    return reason(error) !== 'ENOENT';
  }
}

const namesIn = (folder: string): string[] => readdirSync(folder).map((name) => join(folder, name));

/** Private keys that stand deeper: of agents that were enrolled here, and of authorities that share a database. */
function keysBelow(dataDir: string): string[] {
  const folders = readdirSync(dataDir, { withFileTypes: true }).filter((each) => each.isDirectory());
  return folders.flatMap(({ name }) => {
    try {
      return namesIn(join(dataDir, name)).filter((path) => path.endsWith('.key'));
    } catch {
      // A folder that is not ours, such as lost+found.
      return [];
    }
  });
}

function absent(dataDir: string): Finding {
  let above = dirname(dataDir);
  while (!statSync(above, { throwIfNoEntry: false }) && above !== dirname(above)) above = dirname(above);
  try {
    accessSync(above, constants.W_OK | constants.X_OK);
    return ok('data directory', `${dataDir} will be made at the first start`);
  } catch (error) {
    return broken(
      'data directory',
      `${dataDir} cannot be made: ${reason(error)} for ${above}.`,
      'Name another one with --data-dir or AGA_DATA_DIR.',
    );
  }
}

/** Whether others than the owner may do more than `mode` says, or the owner is somebody else. */
function open(path: string, { mode, uid }: Stats, allowed: number): Finding[] {
  if (process.platform === 'win32') return [];
  const findings: Finding[] = [];
  if (uid !== process.getuid?.()) {
    findings.push(note('owner', `${path} belongs to another user.`, `sudo chown -R "$USER" '${path}'`));
  }
  const extra = mode & 0o777 & ~allowed;
  if (extra !== 0) {
    const shown = (mode & 0o777).toString(8).padStart(4, '0');
    findings.push(
      broken(
        'permissions',
        `${path} has mode ${shown}: others may use your authority.`,
        `chmod ${allowed.toString(8)} '${path}'`,
      ),
    );
  }
  return findings;
}
