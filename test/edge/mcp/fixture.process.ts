/** The fixture as a child process, driven line by line: what no client library would ever send. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bundleProgram } from '../../../scripts/build.ts';
import { directory } from '../../scratch.ts';

/** Bundles the fixture as the product is bundled; its path. */
export async function builtFixture(): Promise<string> {
  const path = join(directory(), 'fixture.cjs');
  await bundleProgram(join(import.meta.dirname, 'fixture.main.ts'), path);
  return path;
}

export type Message = any;

export interface Ended {
  readonly code: number | null;
  /** Milliseconds since `end` was called. */
  readonly ms: number;
  readonly stderr: string;
}

export class Peer {
  readonly child: ChildProcessWithoutNullStreams;
  readonly received: Message[] = [];
  #stderr = '';
  #waiting: (() => void)[] = [];
  readonly #exit: Promise<number | null>;

  constructor(path: string, env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [path], { env: { ...process.env, ...env } });
    this.child.stdin.on('error', () => {});
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#wake();
    });
    createInterface(this.child.stdout).on('line', (line) => {
      this.received.push(JSON.parse(line));
      this.#wake();
    });
    this.#exit = once(this.child, 'close').then(([code]) => code as number | null);
  }

  get stderr(): string {
    return this.#stderr;
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Text and bytes go out as they are, anything else as a line of JSON. */
  send(...messages: (string | Buffer | object)[]): void {
    for (const message of messages)
      this.child.stdin.write(
        typeof message === 'string' || Buffer.isBuffer(message) ? message : `${JSON.stringify(message)}\n`,
      );
  }

  async until<T>(found: () => T | undefined, what: string): Promise<T> {
    const deadline = Date.now() + 5_000;
    for (;;) {
      const value = found();
      if (value !== undefined) return value;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`waited in vain for ${what}; got ${JSON.stringify(this.received).slice(0, 500)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** The answer with this id: the `nth` one, since ids may be used again. */
  answer(id: string | number | null, nth = 0): Promise<Message> {
    return this.until(() => this.received.filter((m) => m.id === id && !('method' in m))[nth], `answer ${id}`);
  }

  logged(text: string): Promise<true> {
    return this.until(() => (this.#stderr.includes(text) ? true : undefined), `"${text}" on stderr`);
  }

  async handshake(): Promise<Message> {
    this.send(initialize, { jsonrpc: '2.0', method: 'notifications/initialized' });
    return this.answer('initialize');
  }

  async end(how: () => void): Promise<Ended> {
    const start = performance.now();
    how();
    const code = await this.#exit;
    return { code, ms: performance.now() - start, stderr: this.#stderr };
  }

  /** The ordinary way, and the proof that nobody complained on stderr. */
  async close(): Promise<void> {
    const { code, stderr } = await this.end(() => this.child.stdin.end());
    if (code !== 0 || stderr !== 'stopped\n') throw new Error(`exit ${code}, stderr: ${stderr}`);
  }
}

const initialize = {
  jsonrpc: '2.0',
  id: 'initialize',
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'peer', version: '1' } },
};

export const call = (id: string | number, name: string, args?: object, meta?: object) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, ...(args && { arguments: args }), ...(meta && { _meta: meta }) },
});

/** The envelope that each request of revision 2026-07-28 carries. */
export const MODERN = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'peer', version: '1' },
};
