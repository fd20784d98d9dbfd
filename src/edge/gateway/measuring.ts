/**
 * Measures upstreams for the artifacts that ask for it, before their calls.
 *
 * The types that a lineage asks for are duties: those of all its scopes together. A type that cannot be measured here is
 * recorded as such once, and never passes for good.
 */
import { Refusal } from '../../base/refusal.ts';
import type { Scope } from '../../scope/scope.ts';
import { isStdio, type MEASURED, type MeasureConfig } from './config.ts';
import type { Decider } from './decider.ts';
import { type Ask, askFor } from './following.ts';
import type { Gateway, Server } from './gateway.ts';
import { whileWanted } from './in-flight.ts';
import { executableDigest } from './measure/executable.ts';
import { fileSystemDigest } from './measure/files.ts';
import { manifestDigest } from './measure/manifest.ts';
import { GLANCE, type Look, THOROUGH, Unmeasured } from './measure/tree.ts';

export interface Finding {
  readonly type: string;
  /** Name of the upstream. */
  readonly subject: string;
  readonly digest: string | null;
  /** Why there is no digest, where it is not for want of a way to measure it. */
  readonly lost?: string;
  readonly expected?: string | undefined;
}

/** Keeps a measurement; answers whether it differs from what was pinned. */
export type Keep = (artifact: string, finding: Finding) => Promise<boolean>;

interface Subject {
  readonly server: Server;
  readonly gateway: Gateway;
  readonly paths: readonly string[];
  readonly ask: Ask;
  readonly look: Look;
}

type Type = (typeof MEASURED)[number];
type Measure = (subject: Subject) => Promise<string | null>;

const MEASURES: { readonly [type: string]: Measure } = {
  async CONFIG_MANIFEST({ server, gateway }) {
    return manifestDigest((await gateway.tools(server)).items);
  },
  async EXECUTABLE_IMAGE({ server: { upstream }, ask, look }) {
    return isStdio(upstream.config) ? executableDigest(upstream.config, ask, look) : null;
  },
  async FILE_SYSTEM_STATE({ paths, ask, look }) {
    return paths.length > 0 ? fileSystemDigest(paths, ask, look) : null;
  },
} satisfies Record<Type, Measure>;

/** How long a thorough look holds where a glance finds nothing new; what is too large for a glance is looked at as often. */
const REPEATED = 10_000;
const MOST_KEPT = 10_000;
/** How long file systems have for one measurement: as much as `tree.ts` reads takes a few seconds where they are well. */
const PATIENCE_MS = 20_000;

export interface MeasuringOptions {
  readonly gateway: Gateway;
  readonly config: { readonly [upstream: string]: MeasureConfig };
  readonly keep: Keep;
  readonly lookout: Pick<Decider, 'onEnded'>;
}

export class Measuring {
  readonly #options: MeasuringOptions;
  /** Artifact, type and upstream → the digest that was kept last, when, and what a glance had shown before. */
  readonly #kept = new Map<string, { digest: string | null; glance: string | null; at: number }>();
  /** What is being measured: calls that arrive together wait for one measurement, it is kept once, or fails once. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(options: MeasuringOptions) {
    this.#options = options;
  }

  /**
   * Measures what the lineage asks for of this upstream; resolves when what is new stands on the chain.
   *
   * Throws `UPSTREAM_FAILED` for what cannot be measured, or not in time, and why the artifact has ended meanwhile.
   */
  async before(artifact: string, scopes: readonly Scope[], serverName: string): Promise<void> {
    const types = new Set(scopes.flatMap(({ measurement_types }) => measurement_types));
    const { gateway, lookout } = this.#options;
    const server = types.size > 0 && gateway.servers.find(({ name }) => name === serverName);
    if (!server) return;
    const all = async () => {
      for (const type of [...types].sort()) await this.#measure(artifact, type, server);
    };
    await whileWanted(lookout, artifact, undefined, all());
  }

  async #measure(artifact: string, type: string, server: Server): Promise<void> {
    const key = `${artifact} ${type} ${server.name}`;
    const { digest: glance } = await this.#measured(type, server, GLANCE);
    for (let running = this.#running.get(key); running; running = this.#running.get(key)) await running;
    const last = this.#kept.get(key);
    if (last && last.glance === glance && performance.now() - last.at < REPEATED) return;
    const run = this.#look(artifact, type, server, glance).finally(() => this.#running.delete(key));
    this.#running.set(key, run);
    await run;
  }

  async #look(artifact: string, type: string, server: Server, glance: string | null): Promise<void> {
    const { config, keep } = this.#options;
    const key = `${artifact} ${type} ${server.name}`;
    const at = performance.now();
    const found = await this.#measured(type, server, THOROUGH);
    const { digest } = found;
    const last = this.#kept.get(key);
    if (!last || last.digest !== digest) {
      const expected = config[server.name]?.pins?.[type];
      await keep(artifact, { type, subject: server.name, ...found, expected });
    }
    // What is forgotten is measured again: one entry more, and no call that was not measured.
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(key, { digest, glance, at });
  }

  async #measured(type: string, server: Server, look: Look): Promise<Pick<Finding, 'digest' | 'lost'>> {
    const { gateway, config } = this.#options;
    const { paths = [] } = config[server.name] ?? {};
    try {
      const digest = await MEASURES[type]?.({ server, gateway, paths, ask: askFor(PATIENCE_MS), look });
      return { digest: digest ?? null };
    } catch (error) {
      if (error instanceof Unmeasured) return { digest: null, lost: error.message };
      if (isErrno(error)) throw unreadable(`${error.path ?? 'a file'} (${error.code})`);
      throw error;
    }
  }
}

const unreadable = (what: string): Refusal =>
  new Refusal('UPSTREAM_FAILED', `What is measured before a call of this upstream cannot be read: ${what}.`);

const isErrno = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'errno' in error && 'code' in error;
