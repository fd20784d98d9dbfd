/**
 * A program in a process group of its own, so that it ends with everything it has started (`npx` starts a shell that
 * starts the server), and never outlives us.
 */
import { existsSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { guard, inherited, piped, signalGroup, WINDOWS } from '../../process-group.ts';
import type { StdioConfig } from './config.ts';
import { windowsCommand } from './windows-command.ts';

export interface Program {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when it runs, rejects with a sentence when it cannot be started. */
  readonly started: Promise<void>;
  /** Resolves, with how it ended in words, when it runs no more. */
  readonly exited: Promise<string>;
  /** Ends it within a second: end of input, then SIGTERM, then SIGKILL, the last two for the whole group. */
  end(): Promise<void>;
}

const INPUT_ENDED_MS = 150;
const TERMINATED_MS = 600;

/** What a program gets of our environment: enough to find, start and trust others, and nothing that may be a secret. */
const INHERITED = WINDOWS
  ? 'APPDATA COMSPEC HOMEDRIVE HOMEPATH LOCALAPPDATA NODE_EXTRA_CA_CERTS PATH PATHEXT PROGRAMDATA PROGRAMFILES SYSTEMDRIVE SYSTEMROOT TEMP USERNAME USERPROFILE WINDIR'
  : 'HOME LANG LC_ALL LOGNAME NODE_EXTRA_CA_CERTS PATH SHELL SSL_CERT_DIR SSL_CERT_FILE TERM TMPDIR TZ USER XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME';

export function startProgram({ command, args = [], env = {}, cwd }: StdioConfig): Program {
  const own = { ...inherited(process.env, INHERITED), ...env };
  const as = WINDOWS
    ? windowsCommand(command, args, { env: own, exists: existsSync })
    : { command, args, verbatim: false };
  const child = piped(as.command, as.args, {
    env: own,
    windowsVerbatimArguments: as.verbatim,
    ...(cwd !== undefined && { cwd }),
  });
  const release = guard(child);
  const started = new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve).once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(`cannot be started (${error.code ?? error.message})`));
    });
  });
  started.catch(release);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      // Whatever it has left behind in its group would hold our pipes open.
      signalGroup(child, 'SIGKILL');
      release();
      resolve(signal === null ? `ended with code ${code}` : `was ended by ${signal}`);
    });
    child.on('error', () => resolve('could not be started'));
  });
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on('error', () => {});
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    started,
    exited,
    async end() {
      child.stdin.end();
      if (await within(INPUT_ENDED_MS, exited)) return;
      signalGroup(child, 'SIGTERM');
      if (await within(TERMINATED_MS, exited)) return;
      signalGroup(child, 'SIGKILL');
      await exited;
    },
  };
}

async function within(ms: number, event: Promise<unknown>): Promise<boolean> {
  const abort = new AbortController();
  const late = sleep(ms, false, { signal: abort.signal }).catch(() => false);
  const happened = await Promise.race([event.then(() => true), late]);
  abort.abort();
  return happened;
}
