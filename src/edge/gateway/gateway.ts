/** All upstreams of a process, with their names and maps, shared by the sessions of every caller. */
import { Refusal } from '../../base/refusal.ts';
import type { ToolDefinition } from '../mcp/session.ts';
import type { MapsConfig, UpstreamsConfig } from './config.ts';
import type { UpstreamOptions } from './lifeline.ts';
import { mapOf, type UpstreamMap } from './maps.ts';
import { type Names, namesOf, splitName } from './naming.ts';
import { patiently } from './patience.ts';
import { Upstream } from './upstream.ts';

export interface GatewayOptions extends Pick<UpstreamOptions, 'client' | 'log'> {
  readonly upstreams: UpstreamsConfig;
  readonly maps: MapsConfig;
  /** How long a list waits for an upstream that is starting; it is told of the change when the upstream is there. */
  readonly listWait?: number;
}

/** One upstream, and what is known about it here. */
export interface Server {
  readonly name: string;
  readonly upstream: Upstream;
  /** Absent: neither files nor URLs are looked for in its arguments. */
  readonly map: UpstreamMap | undefined;
}

/** What an upstream lists, under the names it has here. */
export interface Listed<T> {
  readonly items: readonly T[];
  readonly names: Names;
}

/** No upstream has a tool of a longer name, and no entry has room for one. */
const MAX_NAME = 256;
/** Hosts wait longer than this for a list, and an upstream that is installed first may take a minute. */
const LIST_WAIT_MS = 10_000;

export class Gateway {
  readonly servers: readonly Server[];
  readonly #log: (text: string) => void;
  readonly #listWait: number;
  readonly #listeners = new Set<() => void>();
  readonly #patience = new Map<Server, number>();
  readonly #names = new WeakMap<readonly ToolDefinition[], Names>();

  constructor({ upstreams, maps, client, log, listWait = LIST_WAIT_MS }: GatewayOptions) {
    this.#log = log;
    this.#listWait = listWait;
    this.servers = Object.entries(upstreams).map(([name, config]) => {
      const upstream = new Upstream({ name, config, client, log });
      upstream.onChanged(() => this.#tell());
      return { name, upstream, map: mapOf(maps, name) };
    });
  }

  /** The server that a name of an upstream's shape belongs to, and what follows. */
  server(name: string): { readonly server: Server; readonly rest: string } | undefined {
    const split = name.length <= MAX_NAME ? splitName(name) : undefined;
    const server = split && this.servers.find((each) => each.name === split.server);
    return server && { server, rest: split.rest };
  }

  /** Throws `UPSTREAM_FAILED`. */
  async tools(server: Server): Promise<Listed<ToolDefinition>> {
    return this.#named(server, await server.upstream.tools());
  }

  /** What is known without asking: `undefined` while the upstream would have to be started, or asked for its tools. */
  toolsNow(server: Server): Listed<ToolDefinition> | undefined {
    const items = server.upstream.listed;
    return items && this.#named(server, items);
  }

  #named(server: Server, items: readonly ToolDefinition[]): Listed<ToolDefinition> {
    const known = this.#names.get(items);
    const names =
      known ??
      namesOf(
        server.name,
        items.map((tool) => tool.name),
      );
    if (!known) this.#names.set(items, names);
    return { items, names };
  }

  /**
   * For a list of many: what an upstream says, if it says it soon; nothing where it cannot. Who missed it is told only where
   * it would come sooner now: an upstream that is always slow would be asked for ever.
   */
  async soon<T>(server: Server, asked: Promise<T>): Promise<T | undefined> {
    const now = performance.now();
    const until = this.#patience.get(server) ?? now + this.#listWait;
    this.#patience.set(server, until);
    const { upstream } = server;
    const wasStarting = !upstream.isOpen;
    const knewTools = upstream.listed !== undefined;
    let late = false;
    const answer = asked.then(
      (value) => {
        this.#patience.delete(server);
        if (late && (wasStarting || (!knewTools && upstream.listed))) this.#tell();
        return value;
      },
      (error: unknown) => {
        this.#patience.delete(server);
        if (!(error instanceof Refusal)) this.#log(`[${server.name}] ${String(error)}\n`);
        return undefined;
      },
    );
    const found = await patiently(answer, Math.max(0, until - now));
    late = true;
    return found;
  }

  /** Calls back when what some upstream lists may have changed; returns the unsubscriber. */
  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends all upstreams, within a second. */
  async close(): Promise<void> {
    await Promise.all(this.servers.map(({ upstream }) => upstream.close()));
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
