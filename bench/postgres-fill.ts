/** Fills a chain of a database up to so many entries, honestly (`bulk.ts`): 100,000 delegations, and decisions under them. */
import { join } from 'node:path';
import { assemble } from '../src/assemble.ts';
import { bound, operator } from '../src/caller.ts';
import type { Settings } from '../src/config.ts';
import { groundOf } from '../src/installation/ground.ts';
import { randomSource } from '../src/keys/random.ts';
import { BUILT_IN } from '../src/scope/preset.ts';
import { Sequencer } from '../src/sequencer/sequencer.ts';
import { Service } from '../src/service/service.ts';
import { fileCache } from '../src/store/file-cache.ts';
import { TOOLS } from '../src/tools/index.ts';
import { MemoryArchive } from '../test/store/memory.ts';
import type { Server } from '../test/store/postgres.server.ts';
import { Bulk } from './bulk.ts';
import { QUESTION } from './question.ts';

export interface Filling {
  readonly entries: number;
  readonly delegations: number;
  say(what: string): void;
}

export interface Filled {
  readonly root: string;
  /** Delegated in the middle of the filling. */
  readonly child: string;
  /** Entries a second, checked, linked, signed and copied. */
  readonly rate: number;
  /** Megabytes that the process held in the end. */
  readonly resident: number;
}

/** Calls that wait at once: what one commit takes. */
const ROUND = 256;
export async function fill(
  settings: Settings,
  pg: Pick<Server, 'sql'>,
  { entries, delegations, say }: Filling,
): Promise<Filled> {
  const url = settings.database.url ?? '';
  const begun = await assemble(settings);
  const create = begun.service.tools.get('aga_create_artifact')!;
  const made = await begun.service.call(create, { max_children: delegations, ttl_seconds: 360_000 }, operator());
  const root = String(made.artifact_hash);
  await begun.close();

  const { store, keys, origin, home } = await groundOf(settings, randomSource());
  const [[chain]] = (await pg.sql(url, `SELECT id FROM aga.chains WHERE name = '${settings.authority}'`)) as [[number]];
  const bulk = new Bulk({ store, chain, sql: (...statements) => pg.sql(url, ...statements) });
  const caches = {
    snapshot: fileCache(join(home, 'snapshot')),
    checkpoint: fileCache(join(home, 'checkpoint')),
  };
  const policy = { presets: BUILT_IN, rootCeiling: null, rootLimits: {}, launch: [] };
  const world = { store: bulk, caches, keys, clock: Date.now, policy, random: randomSource(), origin };
  const sequencer = new Sequencer(world, () => ({
    read: (query) => store.read(query),
    nodes: (...range) => store.nodes(...range),
    audit: () => Promise.reject(new TypeError('nothing is judged while the chain is filled')),
    said: async () => new Map(),
    archive: new MemoryArchive(),
    log: keys.log,
  }));
  const service = new Service(sequencer, TOOLS);
  const delegate = service.tools.get('aga_delegate_to_subagent')!;
  const caller = operator();
  const children: string[] = [root];

  const from = performance.now();
  let next = 0;
  const every = entries / delegations;
  for (let size = 2; size < entries; ) {
    const many = Math.min(ROUND, entries - size);
    const due = Math.min(delegations, Math.ceil((size + many) / every)) - (children.length - 1);
    const delegated = Array.from({ length: Math.min(due, many) }, () =>
      service.call(
        delegate,
        { parent_artifact_hash: root, permitted_tools: ['files/*'], ttl_seconds: 180_000 },
        caller,
      ),
    );
    const decided = Array.from({ length: many - delegated.length }, () =>
      service.decide(bound(children[next++ % children.length]!, 'process'), QUESTION, 'enforce'),
    );
    await Promise.all(decided);
    for (const { child_artifact_hash } of await Promise.all(delegated)) children.push(String(child_artifact_hash));
    if (Math.floor(size / 250_000) < Math.floor((size + many) / 250_000))
      say(`${size + many} entries, ${Math.round((size / (performance.now() - from)) * 1000)}/s`);
    size += many;
  }
  await bulk.close();
  const rate = (entries / (performance.now() - from)) * 1000;
  const resident = process.memoryUsage().rss / 1e6;
  await sequencer.close();
  await store.close();
  return { root, child: children[Math.floor(children.length / 2)]!, rate, resident };
}
