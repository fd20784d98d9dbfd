/** Runs a command as an agent, and ends it with the agent's authority. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Settings } from '../../config.ts';
import { endMarked, MARK } from '../../jobs/marked.ts';
import type { Standing } from '../../service/standing.ts';
import { plain, type Terminal } from './terminal.ts';

export interface Launch {
  readonly settings: Settings & { readonly token: string };
  readonly standing: Standing;
  readonly terminal: Terminal;
}

/** How often the authority is asked, and how long a command has to end by itself, in milliseconds: five seconds together. */
const ASK_MS = 1000;
const GRACE_MS = 2500;
/** What a shell answers for a command that it cannot start. */
const NOT_FOUND = 127;
const NOT_STARTED = 126;

/** Resolves to the command's exit code; 128 and the signal's number where a signal ended it. */
export async function launch(words: readonly string[], { settings, standing, terminal }: Launch): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'aga-run-'));
  try {
    const config = join(directory, 'mcp.json');
    const own = ownEnvironment(settings);
    writeFileSync(config, JSON.stringify(mcpConfig(own)), { mode: 0o600 });
    const [command = '', ...args] = words.map((word) => word.replaceAll('{mcp_config}', config));
    const identity = { AGA_AGENT_ID: standing.id, AGA_AGENT_NAME: standing.name, AGA_MCP_CONFIG: config };
    const mark = randomUUID();
    const env = { ...inherited(), ...own, ...identity, [MARK]: `${process.env[MARK] ?? '/'}${mark}/` };
    // On a terminal the command stays in our group, or it could not read what is typed.
    const child = spawn(command, args, { stdio: 'inherit', env, detached: !terminal.interactive });
    const { code, outlived } = await watched(child, standing, terminal);
    if (outlived) await endMarked(mark);
    return code;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What a process needs to be this agent. */
function ownEnvironment(settings: Launch['settings']): Record<string, string> {
  const { token, url, dataDir, authority, database, archiveDir, launch } = settings;
  const config = launch[launch.indexOf('--config') + 1];
  return {
    AGA_TOKEN: token,
    AGA_DATA_DIR: resolve(dataDir),
    AGA_AUTHORITY: authority,
    ...(url !== null && { AGA_URL: url }),
    ...(url === null && database.url !== null && { AGA_DATABASE_URL: database.url }),
    ...(url === null && archiveDir !== null && { AGA_ARCHIVE_DIR: resolve(archiveDir) }),
    ...(launch.includes('--config') && config !== undefined && { AGA_CONFIG: config }),
  };
}

/** Would make the command somebody else: the operator, another artifact, the owner of the tables. */
const OTHERS: ReadonlySet<string> = new Set(['AGA_OPERATOR_TOKEN', 'AGA_ARTIFACT', 'AGA_OWNER_URL']);

const inherited = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !OTHERS.has(name)));

const mcpConfig = (env: Record<string, string>): object => ({
  mcpServers: {
    'aga-delegate': { type: 'stdio', command: process.execPath, args: [resolve(process.argv[1] ?? '')], env },
  },
});

interface Ended {
  readonly code: number;
  /** Whether its authority was over before: what it has left behind, in a group of its own or in ours, ends with it. */
  readonly outlived: boolean;
}

function watched(child: ChildProcess, standing: Standing, { err, interactive }: Terminal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const kill = (signal: NodeJS.Signals): void => void send(child, signal);
    const forward = (['SIGTERM', 'SIGINT', 'SIGHUP'] as const).map((signal) => {
      // A terminal sends Ctrl-C to the command too; sent again, it would be a second one.
      const isThere = interactive && signal === 'SIGINT';
      const pass = () => isThere || kill(signal);
      process.on(signal, pass);
      return () => process.off(signal, pass);
    });
    let grace: NodeJS.Timeout | undefined;
    let asking = setTimeout(ask, ASK_MS);

    async function ask(): Promise<void> {
      const over = Date.now() >= standing.expires ? 'its time is over' : await standing.over().then(say, () => null);
      if (over === null) {
        asking = setTimeout(ask, Math.max(1, Math.min(ASK_MS, standing.expires - Date.now())));
        return;
      }
      err.line(`aga-delegate: the authority of "${plain(standing.name)}" has ended: ${plain(over)}`);
      kill('SIGTERM');
      grace = setTimeout(() => kill('SIGKILL'), GRACE_MS);
    }

    const done = (): void => {
      for (const stop of forward) stop();
      clearTimeout(asking);
      clearTimeout(grace);
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      done();
      if (error.syscall?.startsWith('spawn') !== true) return reject(error);
      err.line(`aga-delegate: the command cannot be started (${error.code}).`);
      resolve({ code: error.code === 'ENOENT' ? NOT_FOUND : NOT_STARTED, outlived: false });
    });
    child.once('exit', (code, signal) => {
      const outlived = grace !== undefined;
      if (outlived) kill('SIGKILL');
      done();
      resolve({ code: code ?? 128 + (signal ? constants.signals[signal] : 0), outlived });
    });
  });
}

const say = (over: { readonly message: string } | null): string | null => over?.message ?? null;

/** Signals the command's whole process group, if it leads one. */
function send(child: ChildProcess, signal: NodeJS.Signals): boolean {
  try {
    if (child.pid !== undefined) return process.kill(-child.pid, signal);
  } catch {
    // Not a group of its own, or gone.
  }
  return child.kill(signal);
}
