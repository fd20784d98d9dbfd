/**
 * One connection to the database, made when it is needed and made again when it was lost.
 *
 * Statements are pipelined: what is asked together costs one round trip, each answer is awaited by its own promise.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type QueryArrayConfig, type QueryArrayResult } from 'pg';
import type { Address } from './address.ts';
import { hasNoTls, inWords, meaningOf } from './failure.ts';

export interface LinkOptions {
  readonly address: Address;
  /** Milliseconds in which a lost database may come back before its absence is told. */
  readonly patience: number;
  /** Prepares every new connection; what it throws ends the attempt. */
  readonly greet: (session: Session) => Promise<void>;
  /** What the database tells without being asked (NOTIFY). */
  readonly heard?: (payload: string) => void;
  /** Called when a connection that there was is there no more. */
  readonly lost?: () => void;
}

export interface Statement {
  /** A name makes it a prepared statement: parsed and planned once a connection. */
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

export type Cells = readonly unknown[];

/** A live connection. */
export interface Session {
  /** Sends the statements at once; resolves with the rows of each, or rejects with the first error once all have ended. */
  ask(...statements: readonly Statement[]): Promise<readonly (readonly Cells[])[]>;
  /** The same for several statements in one text without values: one message there, and one back. */
  run(text: string): Promise<readonly (readonly Cells[])[]>;
}

/** Milliseconds after which a statement without an answer counts as lost; the longest that the server itself waits is shorter. */
const ANSWER = 15_000;
/** Milliseconds to wait for a server to hang up. */
const GOODBYE = 300;

export class Link {
  readonly #options: LinkOptions;
  #client: Client | undefined;
  /** The same once it is connected. */
  #connected: Client | undefined;
  #session: Promise<Session> | undefined;
  #closed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** The session that there is, or a new one. @throws what the database or the wire said. */
  session(): Promise<Session> {
    if (this.#closed) return Promise.reject(new Error('Connection terminated'));
    if (!this.#session) {
      const made = this.#connect();
      this.#session = made;
      made.catch(() => {
        if (this.#session === made) this.#session = undefined;
      });
    }
    return this.#session;
  }

  /** Repeats what may be repeated until the database answers or patience ends. @throws Refusal */
  async patiently<T>(attempt: (session: Session) => Promise<T>, patience: number = this.#options.patience): Promise<T> {
    for (const started = performance.now(); ; ) {
      try {
        return await attempt(await this.session());
      } catch (error) {
        const away = meaningOf(error)?.away === true;
        if (away) this.drop();
        if (!away || this.#closed || performance.now() - started > patience) throw inWords(error);
      }
      await sleep(20 + Math.random() * 80);
    }
  }

  /** Gives the connection up, without a word to the other side. */
  drop(): void {
    const client = this.#client;
    this.#client = undefined;
    this.#connected = undefined;
    this.#session = undefined;
    client?.connection.stream.destroy();
    if (client) this.#options.lost?.();
  }

  /** Says goodbye where the other side still listens. */
  async close(): Promise<void> {
    this.#closed = true;
    // The driver never settles a connection attempt that is ended while it is being made.
    await Promise.race([this.#connected?.end().catch(() => undefined), sleep(GOODBYE)]);
    this.drop();
  }

  async #connect(): Promise<Session> {
    const [url, plain] = this.#options.address;
    try {
      return await this.#open(url);
    } catch (error) {
      if (plain === undefined || !hasNoTls(error)) throw error;
      return this.#open(plain);
    }
  }

  async #open(connectionString: string): Promise<Session> {
    const { patience, greet, heard } = this.#options;
    const client = new Client({
      connectionString,
      pipeline: true,
      query_timeout: ANSWER,
      connectionTimeoutMillis: Math.max(1000, patience),
      keepAlive: true,
      keepAliveInitialDelayMillis: 5000,
      fallback_application_name: 'aga-delegate',
    });
    this.#client = client;
    const lost = (): void => {
      if (this.#client === client) this.drop();
    };
    // A connection that breaks while nobody asks would otherwise end the process.
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', ({ payload = '' }) => heard?.(payload));
    try {
      await client.connect();
      if (this.#client === client) this.#connected = client;
      const session = sessionOf(client);
      await greet(session);
      return session;
    } catch (error) {
      client.connection.stream.destroy();
      throw error;
    }
  }
}

function sessionOf(client: Client): Session {
  const one = async ({ values = [], ...statement }: Statement): Promise<readonly Cells[]> => {
    const query: QueryArrayConfig = {
      ...statement,
      rowMode: 'array',
      ...(values.length > 0 && { values: [...values] }),
    };
    return (await client.query(query)).rows;
  };
  return {
    async ask(...statements) {
      const { stream } = client.connection;
      // One write to the socket, and the server is woken once.
      stream.cork();
      const asked = statements.map(one);
      stream.uncork();
      const ended = await Promise.allSettled(asked);
      return ended.map((each) => {
        if (each.status === 'rejected') throw each.reason;
        return each.value;
      });
    },
    async run(text) {
      const query: QueryArrayConfig = { text, rowMode: 'array' };
      // The driver answers a text of several statements with a list, which its types do not know.
      const results: QueryArrayResult | QueryArrayResult[] = await client.query(query);
      return [results].flat().map(({ rows }) => rows);
    },
  };
}
