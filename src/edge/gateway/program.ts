/**
 * A program in a process group of its own, so that it ends with everything it has started (`npx` starts a shell that
 * starts the server), and never outlives us.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StdioConfig } from './config.ts';

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
const WINDOWS = process.platform === 'win32';

/** What a program gets of our environment: enough to find and start others, and nothing that may be a secret. */
const INHERITED = WINDOWS
  ? 'APPDATA COMSPEC HOMEDRIVE HOMEPATH LOCALAPPDATA PATH PATHEXT PROGRAMDATA PROGRAMFILES SYSTEMDRIVE SYSTEMROOT TEMP USERNAME USERPROFILE WINDIR'
  : 'HOME LOGNAME PATH SHELL TERM USER';

const running = new Set<ChildProcess>();

export function startProgram({ command, args = [], env = {}, cwd }: StdioConfig): Program {
  const child = spawn(command, args, {
    env: { ...inherited(process.env), ...env },
    stdio: 'pipe',
    detached: !WINDOWS,
    windowsHide: true,
    ...(cwd !== undefined && { cwd }),
  });
  watchExit();
  running.add(child);
  const started = new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve).once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(`cannot be started (${error.code ?? error.message})`));
    });
  });
  started.catch(() => running.delete(child));
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      // Whatever it has left behind in its group would hold our pipes open.
      signalGroup(child, 'SIGKILL');
      running.delete(child);
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

function inherited(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const known = INHERITED.split(' ').map((name) => [name, env[name]] as const);
  // A shell function exported as a variable is code.
  return Object.fromEntries(known.filter(([, value]) => value !== undefined && !value.startsWith('()')));
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (WINDOWS) child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // Nobody of the group is left.
  }
}

let watching = false;

/** We may be ended without a chance to close. */
function watchExit(): void {
  if (watching) return;
  watching = true;
  process.on('exit', () => {
    for (const child of running) signalGroup(child, 'SIGKILL');
  });
}

async function within(ms: number, event: Promise<unknown>): Promise<boolean> {
  const abort = new AbortController();
  const late = sleep(ms, false, { signal: abort.signal }).catch(() => false);
  const happened = await Promise.race([event.then(() => true), late]);
  abort.abort();
  return happened;
}
