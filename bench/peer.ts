/** A client that costs little: lines out, lines in, so that what is measured is the server. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

type Answer = {
  readonly id: number;
  readonly result?: { readonly structuredContent?: unknown; readonly isError?: true };
};

export class Peer {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #last = 0;
  #rest = '';

  private constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => this.#take(text));
  }

  /** Starts a program and shakes hands; the time from the start until its answer, in milliseconds. */
  static async start(args: readonly string[]): Promise<{ peer: Peer; ms: number }> {
    const started = performance.now();
    const peer = new Peer(args);
    const clientInfo = { name: 'bench', version: '1' };
    await peer.#request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
    const ms = performance.now() - started;
    peer.#send({ method: 'notifications/initialized' });
    return { peer, ms };
  }

  /** The structured answer of a tool. */
  async call<O>(name: string, input: object): Promise<O> {
    const { result } = await this.#request('tools/call', { name, arguments: input });
    if (!result || result.isError) throw new Error(`${name} failed: ${JSON.stringify(result)}`);
    return result.structuredContent as O; // whoever calls knows the tool
  }

  /** Calls a second with so many in flight, over `count` calls. */
  async rate(name: string, input: object, inFlight: number, count: number): Promise<number> {
    let left = count;
    const lane = async (): Promise<void> => {
      while (left-- > 0) await this.call(name, input);
    };
    const started = performance.now();
    await Promise.all(Array.from({ length: inFlight }, lane));
    return (count / (performance.now() - started)) * 1000;
  }

  /** Milliseconds of each of `count` calls, one after another. */
  async times(name: string, input: object, count: number): Promise<number[]> {
    const samples: number[] = [];
    for (let i = 0; i < count; i++) {
      const started = performance.now();
      await this.call(name, input);
      samples.push(performance.now() - started);
    }
    return samples;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.stdin.end();
    });
  }

  #request(method: string, params: object): Promise<Answer> {
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send({ id, method, params });
    });
  }

  #send(message: object): void {
    this.#child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const answer = JSON.parse(line) as Answer;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    }
  }
}
