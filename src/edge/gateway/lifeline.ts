/** The connection to one upstream through its ends: opened at first need, and again at the first need after a pause. */
import type { Json } from '../../base/canonical.ts';
import { sayUntrusted } from '../../base/certificate.ts';
import { Refusal } from '../../base/refusal.ts';
import { Backoff } from './backoff.ts';
import type { Connection, ConnectionOptions } from './connection.ts';

export type UpstreamOptions = Pick<ConnectionOptions, 'name' | 'config' | 'client' | 'log'>;

export interface LifelineEvents {
  /** Told of `notifications/.../list_changed`. */
  readonly onChanged: (method: string) => void;
  /** What was learned from a connection is void. */
  readonly onLost: () => void;
}

export class Lifeline {
  readonly #options: UpstreamOptions & LifelineEvents;
  readonly #backoff = new Backoff();
  #opening: Promise<Connection> | undefined;
  #open: Connection | undefined;
  #stop = new AbortController();
  #closed = false;

  constructor(options: UpstreamOptions & LifelineEvents) {
    this.#options = options;
  }

  /** Whether it can be asked without being started. */
  get isOpen(): boolean {
    return this.#open !== undefined && !this.#open.wire.isBroken;
  }

  /** The connection, opened for it. Throws `UPSTREAM_FAILED`. */
  async connected(): Promise<Connection> {
    if (this.#open) {
      const { wire } = this.#open;
      if (!wire.isBroken) return this.#open;
      this.#forget(this.#open);
      wire.retire();
    }
    if (this.#opening) return this.#opening;
    if (this.#closed) throw this.failed('is closed');
    const pause = this.#backoff.pause(performance.now());
    if (pause > 0) throw this.failed(`has ended and is not started again for ${pause} ms`, { retry_after_ms: pause });
    this.#opening = this.#start();
    return this.#opening;
  }

  /** Ends it for now: the next need starts it again. */
  async disconnect(): Promise<void> {
    const [opening, open] = [this.#opening, this.#open];
    this.#stop.abort();
    this.#stop = new AbortController();
    if (open) this.#forget(open);
    this.#opening = undefined;
    await (open ? open.wire.close() : opening?.then(({ wire }) => wire.close()).catch(() => {}));
  }

  /** Ends it for good, within a second. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.disconnect();
  }

  failed(why: string, detail: Json = null): Refusal {
    return new Refusal('UPSTREAM_FAILED', `The upstream "${this.#options.name}" ${why}.`, { detail });
  }

  say(what: string): void {
    this.#options.log(`[${this.#options.name}] ${what}\n`);
  }

  async #start(): Promise<Connection> {
    const since = performance.now();
    const stop = this.#stop;
    try {
      // Loaded only here: a host that starts the server waits for every module, and may have no upstreams.
      const { openConnection } = await import('./connection.ts');
      const connection = await openConnection({
        ...this.#options,
        signal: stop.signal,
        onClosed: () => this.#ended(connection, since),
      });
      if (stop.signal.aborted) {
        await connection.wire.close();
        throw this.failed('was disconnected');
      }
      this.#open = connection;
      return connection;
    } catch (error) {
      if (this.#stop === stop) this.#opening = undefined;
      if (stop.signal.aborted) throw this.failed('was disconnected');
      this.#backoff.ended(since, performance.now());
      const untrusted = sayUntrusted(error);
      const why = error instanceof Error ? error.message.slice(0, 300).replace(/\.$/, '') : 'unknown';
      this.say(untrusted ?? `could not be started: ${why}`);
      // What a program or server says about itself may hold what its configuration holds.
      throw this.failed(untrusted ?? 'could not be started');
    }
  }

  #ended(connection: Connection, since: number): void {
    if (this.#open !== connection) return;
    this.#forget(connection);
    this.say('the connection ended');
    this.#backoff.ended(since, performance.now());
  }

  #forget(connection: Connection): void {
    if (this.#open !== connection) return;
    this.#open = undefined;
    this.#opening = undefined;
    this.#options.onLost();
  }
}
