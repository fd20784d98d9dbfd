/** Plays a host: starts the built server as a process and speaks MCP with it, line by line. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { clean, SERVER } from './program.ts';

export interface Answered {
  readonly result?: { readonly [member: string]: any }; // a test reads members of many answers
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

export interface Host {
  readonly child: ChildProcessWithoutNullStreams;
  /** What the server has written on stderr. */
  stderr(): string;
  request(method: string, params?: unknown): Promise<Answered>;
  /** The structured answer of a tool; a refusal is thrown as `Refused`. */
  call(tool: string, input?: unknown): Promise<any>;
  send(line: string): void;
  /** Ends stdin and waits for the exit code. */
  close(): Promise<number | null>;
  readonly exited: Promise<number | null>;
}

export class Refused extends Error {
  readonly body: { readonly code: string; readonly message: string; readonly hint: string; readonly detail: any };
  constructor(body: Refused['body']) {
    super(`${body.code}: ${body.message}`);
    this.body = body;
  }
}

export interface HostOptions {
  readonly args?: readonly string[];
  readonly env?: { readonly [name: string]: string };
}

/** Starts a server and shakes hands with it, as a host of the 2025-11-25 revision does. */
export async function host(path: string, { args = [], env = {} }: HostOptions = {}): Promise<Host> {
  const child = spawn(process.execPath, [SERVER, '--data-dir', path, ...args], { env: { ...clean(), ...env } });
  const waiting = new Map<number, { resolve: (answer: Answered) => void; reject: (error: Error) => void }>();
  let last = 0;
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as Answered & { id?: number };
    const job = waiting.get(message.id ?? -1);
    waiting.delete(message.id ?? -1);
    job?.resolve(message);
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  void exited.then((code) => {
    for (const { reject } of waiting.values()) reject(new Error(`the server exited with ${code}: ${stderr}`));
  });
  const request = (method: string, params: unknown = {}): Promise<Answered> =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: last, method, params })}\n`);
    });
  const clientInfo = { name: 'test', version: '1' };
  await request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
  child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  return {
    child,
    stderr: () => stderr,
    request,
    send: (line) => void child.stdin.write(`${line}\n`),
    async call(tool, input = {}) {
      const { result, error } = await request('tools/call', { name: tool, arguments: input });
      if (!result) throw new Error(`protocol error: ${error?.message}`);
      if (result.isError) throw new Refused(JSON.parse(result.content[0].text).error);
      return result.structuredContent;
    },
    close() {
      child.stdin.end();
      return exited;
    },
    exited,
  };
}

/** The same as `host`, closed after the test. */
export async function start(path: string, options?: HostOptions): Promise<Host> {
  const started = await host(path, options);
  onTestFinished(async () => void (await started.close()));
  return started;
}

/** The whole chain as the server tells it, page by page. */
export async function pagesOf({ call }: Host, limit: number): Promise<unknown[]> {
  const pages = [];
  for (let after: number | null = -1; after !== null; ) {
    const page = await call('aga_query_chain', { after, limit });
    pages.push(page);
    after = page.next;
  }
  return pages;
}

/** The refusal that a call ends in; fails when it does not. */
export async function refused(promise: Promise<unknown>): Promise<Refused['body']> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Refused) return error.body;
    throw error;
  }
  throw new Error('the call was not refused');
}
