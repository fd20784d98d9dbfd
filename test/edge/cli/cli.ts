/** Runs the built program as a person or a script does: one process, its two streams, its exit code. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { directory } from '../../scratch.ts';

export const PROGRAM = join(import.meta.dirname, '../../../dist/aga-delegate.cjs');

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly env?: { readonly [name: string]: string };
  readonly cwd?: string;
}

/** An environment without anything that the machine says to the program; even one that asks for colours. */
function environment(extra: RunOptions['env']): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(AGA_|XDG_|NO_COLOR|CI$)/.test(name));
  return { ...Object.fromEntries(kept), FORCE_COLOR: '1', TERM: 'xterm', ...extra };
}

/** Starts it; `tell` gives the process and a promise of its end. */
export function start(args: readonly string[], { env, cwd }: RunOptions = {}) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { env: environment(env), cwd });
  return { child, ended: endOf(child) };
}

export async function run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { child, ended } = start(args, options);
  child.stdin.end();
  return ended;
}

/** The same on a pseudo-terminal of 100 columns; `typed` is written after the text before it has been seen. */
export async function onTerminal(
  args: readonly string[],
  typed: readonly (readonly [seen: RegExp, keys: string])[],
  { env, cwd }: RunOptions = {},
): Promise<Ended> {
  const line = [process.execPath, PROGRAM, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', `stty cols 100 rows 40; exec ${line}`, '/dev/null'], {
    env: environment(env),
    cwd,
  });
  const waiting = [...typed];
  let seen = '';
  child.stdout.on('data', (chunk) => {
    seen += chunk;
    const [next] = waiting;
    if (!next?.[0].test(seen)) return;
    waiting.shift();
    seen = '';
    child.stdin.write(next[1]);
  });
  return endOf(child);
}

function endOf(child: ReturnType<typeof spawn>): Promise<Ended> {
  const text = { out: '', err: '' };
  child.stdout?.on('data', (chunk) => {
    text.out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    text.err += chunk;
  });
  child.stdin?.on('error', () => undefined);
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code, ...text }));
  });
}

export interface Installation {
  readonly path: string;
  /** Runs a command on it. */
  run(...args: readonly string[]): Promise<Ended>;
  /** Runs a command with --json and reads its answer. */
  ask(...args: readonly string[]): Promise<any>;
}

export function installation(): Installation {
  const path = directory();
  const call = (...args: readonly string[]) => run(['--data-dir', path, ...args]);
  return {
    path,
    run: call,
    ask: async (...args) => JSON.parse((await call(...args, '--json')).out),
  };
}
