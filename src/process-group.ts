/** Programs that we start, each the head of a process group of its own, so that what it starts ends with it. */
import {
  type ChildProcess,
  type ChildProcessWithoutNullStreams,
  type SpawnOptionsWithoutStdio,
  spawn,
} from 'node:child_process';

/** Windows has no process groups: there only the program itself is signalled. */
export const WINDOWS = process.platform === 'win32';

/** A program that reads and writes pipes of ours. @throws what the system throws where it cannot even be tried */
export function piped(
  command: string,
  args: readonly string[],
  options: SpawnOptionsWithoutStdio,
): ChildProcessWithoutNullStreams {
  const child = spawn(command, args, { ...options, stdio: 'pipe', detached: !WINDOWS, windowsHide: true });
  if (child.stdin !== undefined) return child;
  // Without a descriptor for them Node makes no pipes, and says why in the next turn.
  child.on('error', () => {});
  throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
}

/** The named variables of our environment: what a program needs to find and start others, and no secrets. */
export function inherited(env: NodeJS.ProcessEnv, names: string): NodeJS.ProcessEnv {
  const known = names.split(' ').map((name) => [name, env[name]] as const);
  // A shell function exported as a variable is code.
  return Object.fromEntries(known.filter(([, value]) => value !== undefined && !value.startsWith('()')));
}

export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (WINDOWS) child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // Nobody of the group is left.
  }
}

const guarded = new Set<ChildProcess>();
let guarding = false;

/** Kills the group when we exit, since we may be ended without a chance to close; returns what lifts that. */
export function guard(child: ChildProcess): () => void {
  guarded.add(child);
  if (!guarding) {
    guarding = true;
    process.once('exit', () => {
      for (const each of guarded) signalGroup(each, 'SIGKILL');
    });
  }
  return () => guarded.delete(child);
}
