/** Replicas as an operator runs them: processes of the built program on one database, each with a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SERVER } from './host.ts';

export const OPERATOR = 'the-operator-token-of-these-replicas';

export interface Answer {
  /** 0 where nothing came back. */
  readonly status: number;
  readonly json: any; // a test reads members of many answers
}

export interface Replica {
  readonly home: string;
  /** Where it listens. */
  readonly address: string;
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  stderr(): string;
  /** Never rejects: a replica that is gone answers with status 0. */
  post(path: string, body: object, token?: string): Promise<Answer>;
  tool(name: string, input?: object): Promise<Answer>;
  kill(signal?: NodeJS.Signals): Promise<number | null>;
}

export const clean = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AGA_')));

export interface Folders {
  /** A new folder, with what is in another one when it is named. */
  folder(like?: string): string;
  remove(): void;
}

export function folders(): Folders {
  const scratch = mkdtempSync(join(tmpdir(), 'aga-replicas-'));
  let made = 0;
  return {
    folder(like) {
      const path = join(scratch, `${made++}`);
      if (like !== undefined) cpSync(like, path, { recursive: true });
      return path;
    },
    remove: () => rmSync(scratch, { recursive: true, force: true }),
  };
}

/** Resolves when it accepts connections; rejects with what it said where it ends instead. */
export async function replica(
  home: string,
  url: string,
  env: object = {},
  args: readonly string[] = [],
): Promise<Replica> {
  const child = spawn(process.execPath, [SERVER, '--data-dir', home, 'serve', '--http', '127.0.0.1:0', ...args], {
    env: { ...clean(), AGA_OPERATOR_TOKEN: OPERATOR, AGA_DATABASE_URL: url, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const address = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      said += chunk;
      const found = /^listening on (http:\S+)$/m.exec(said)?.[1];
      if (found) resolve(found);
    });
    void exited.then((code) => reject(new Error(`exit ${code}: ${said}`)));
  });
  const post = async (path: string, body: object, token = OPERATOR): Promise<Answer> => {
    try {
      const response = await fetch(address + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(20_000),
      });
      return { status: response.status, json: await response.json() };
    } catch (error) {
      return { status: 0, json: { error: { code: String(error) } } };
    }
  };
  return {
    home,
    address,
    child,
    exited,
    stderr: () => said,
    post,
    tool: (name, input = {}) => post(`/api/v1/tools/${name}`, input),
    kill(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
  };
}

/** Runs the program with these arguments to its end. */
export function run(args: readonly string[], env: object): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [SERVER, ...args], {
      env: { ...clean(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.once('close', (code) => resolve({ code, out, err }));
  });
}
