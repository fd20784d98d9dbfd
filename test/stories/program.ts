/** The built program as processes: one that runs to its end, and one that serves. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

export const SERVER = join(import.meta.dirname, '../../dist/aga-delegate.cjs');

/** The environment without what it says to the program. */
export const clean = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AGA_')));

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs it with these arguments to its end. */
export function run(args: readonly string[], env: object = {}, input = ''): Promise<Ran> {
  const child = spawn(process.execPath, [SERVER, ...args], { env: { ...clean(), ...env } });
  const said = listen(child);
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, ...said }));
  });
}

export interface Served {
  readonly url: string;
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  /** What it has written so far. */
  readonly said: { readonly out: string; readonly err: string };
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** `serve` on a free port, as soon as it listens; rejects with what it said where it ends instead. */
export async function served(args: readonly string[], env: object): Promise<Served> {
  const child = spawn(process.execPath, [SERVER, 'serve', '--http', '127.0.0.1:0', ...args], {
    env: { ...clean(), ...env },
  });
  child.stdin.end();
  const said = listen(child);
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', () => {
      const found = /^listening on (http:\S+)$/m.exec(said.err)?.[1];
      if (found) resolve(found);
    });
    void exited.then((code) => reject(new Error(`exit ${code}: ${said.err}`)));
  });
  return {
    url,
    child,
    exited,
    said,
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
  };
}

function listen({ stdout, stderr }: ChildProcess): { out: string; err: string } {
  const said = { out: '', err: '' };
  stdout?.on('data', (chunk) => {
    said.out += chunk;
  });
  stderr?.on('data', (chunk) => {
    said.err += chunk;
  });
  return said;
}
