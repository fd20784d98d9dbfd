/** Chains to archive, on each kind of store, and everything that can be asked of one. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { closedBelow, stillNeeded } from '../../src/archiving/closed.ts';
import { type Disk, diskAt } from '../../src/archiving/disk.ts';
import { type Shelved, shelve } from '../../src/archiving/shelve.ts';
import { openCheckpoint, verifierKey } from '../../src/chain/checkpoint.ts';
import { consistencyProof } from '../../src/chain/proof.ts';
import { withNodes } from '../../src/evidence/tiles.ts';
import { tileFiles, tlogProof } from '../../src/evidence/tlog.ts';
import type { Query, Store, Tree } from '../../src/ports.ts';
import { Follower } from '../../src/sequencer/follower.ts';
import { withArchive } from '../../src/store/archive/archived-store.ts';
import { ArchiveReading } from '../../src/store/archive/reading.ts';
import type { Shelf } from '../../src/store/archive/shelf.ts';
import { archivedIn, postgresShelf } from '../../src/store/postgres/archive.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { archivedAt, sqliteShelf } from '../../src/store/sqlite/archive.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { as, KEYS, type Kernel, kernel, ORIGIN } from '../kernel.ts';
import { MemoryCache } from './memory.ts';

export interface Chained {
  /** Another handle on the same chain. */
  open(folder?: string): Promise<Store & Tree>;
  /** The same, of somebody who knows nothing of archives. */
  bare(): Promise<Store & Tree>;
  shelf(): Shelf;
}

export function inFile(path: string): Chained {
  const database = join(path, 'chain.db');
  const archived = () => archivedAt(database);
  return {
    open: async (folder) => withArchive(openSqlite(database), new ArchiveReading({ archived, folder: folder ?? null })),
    bare: async () => openSqlite(database),
    shelf: () => sqliteShelf(database),
  };
}

export function inPostgres(url: string, chain: string): Chained {
  const archived = () => archivedIn(url, chain);
  return {
    open: async (folder) =>
      withArchive(await openPostgres({ url, chain }), new ArchiveReading({ archived, folder: folder ?? null })),
    bare: () => openPostgres({ url, chain }),
    shelf: () => postgresShelf({ url, owner: url, chain }),
  };
}

/** Delegations, decisions under them, refusals and revocations, in an order that `seed` makes; answers the artifacts. */
export async function live(k: Kernel, entries: number, seed: number): Promise<string[]> {
  const { artifact_hash: root } = await k.call('aga_create_artifact', { max_children: 10_000, max_depth: 8 });
  const artifacts: string[] = [root];
  const draw = (n: number, of: number): number =>
    createHash('sha256').update(`${seed} ${n}`).digest().readUInt32BE() % of;
  for (let n = 0; n < entries; n += 50) {
    const round = Array.from({ length: Math.min(50, entries - n) }, async (_, i) => {
      const one = artifacts[draw(n + i, artifacts.length)]!;
      const [what, caller] = [draw(-n - i, 10), as(one)];
      if (what === 0)
        return k
          .call('aga_delegate_to_subagent', {
            parent_artifact_hash: one,
            permitted_tools: ['files/*'],
            ttl_seconds: 600,
            ...(i % 2 === 0 && { request_id: `${seed}-${n}-${i}` }),
          })
          .then(
            (made) => made.success && artifacts.push(made.child_artifact_hash),
            () => undefined,
          );
      if (what === 1 && one !== root)
        return k.call('aga_revoke_artifact', { artifact_hash: one, reason: 'it is over ✓' }).catch(() => undefined);
      const tool = `files/${draw(n + i, 7)}`;
      const acts = [{ capability: 'tool.call', resource: tool }] as const;
      const question = { acts, tool, argumentsDigest: '' };
      return k.service.decide(caller, { ...question, requestId: i }, 'enforce').catch(() => undefined);
    });
    await Promise.all(round);
    k.clock.now += 60_000;
  }
  return artifacts;
}

/** Everything a reader can see: pages of every form, proofs, tiles, an audit, and a state folded from the first entry. */
export async function portrait(store: Store & Tree, artifacts: readonly string[]): Promise<unknown> {
  const { head } = await store.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
  const size = head?.size ?? 0;
  const some = artifacts.filter((_, i) => i % Math.ceil(artifacts.length / 4) === 0);
  const forms: Partial<Query>[] = [
    {},
    { kind: 'DELEGATION' },
    { kind: 'REVOCATION' },
    ...some.flatMap((one) => [{ names: one }, { within: one }, { within: one, kind: 'DECISION' }]),
  ];
  const pages = [];
  for (const form of forms)
    for (const after of [-1, 100, 255, 256, 300, size - 200])
      pages.push((await store.read({ ...form, after, limit: 70 })).rows);
  const proofs = [];
  for (const at of [0, 1, 255, 256, 511, Math.floor(size / 2), size - 1].filter((at) => at < size)) {
    proofs.push(await tlogProof(store, at));
    proofs.push(await withNodes(store, size, (nodes) => consistencyProof(nodes, at + 1, size)));
  }
  const tiles = [];
  for await (const { path, bytes } of tileFiles(store)) tiles.push([path, Buffer.from(bytes).toString('base64')]);
  const audit = await kernel({ store }).audit();
  const digest = createHash('sha256').update(JSON.stringify({ pages, proofs, tiles })).digest('hex');
  const folded = await follower(store).open();
  return { head, digest, audit, size: folded.size, last: folded.lastHash, live: folded.state.grants.size };
}

const follower = (store: Store): Follower =>
  new Follower(store, { snapshot: new MemoryCache(), checkpoint: new MemoryCache() }, KEYS, ORIGIN);

export interface Going {
  readonly chained: Chained;
  readonly folder: string;
  readonly before: number;
  readonly shelf?: (shelf: Shelf) => Shelf;
  readonly disk?: (disk: Disk) => Disk;
  /** When everything but the first entry may go; what is live at that time stays else. */
  readonly now?: number;
  readonly compact?: boolean;
}

/** One run of the command, without its command line. */
export async function go({ chained, folder, before, now, compact = false, ...through }: Going): Promise<Shelved> {
  const store = await chained.open();
  const shelf = chained.shelf();
  try {
    const { size, state } = await follower(store).open();
    if (now !== undefined) state.advance(now);
    const recorded = await shelf.archived();
    const removed = recorded?.removed ?? 0;
    const end = Math.max(removed, await closedBelow(store, size, removed, { before }));
    const signed = (await shelf.checkpointFrom(Math.max(1, end)))!;
    const open = (note: string) => openCheckpoint(note, verifierKey(ORIGIN, KEYS.log.publicKey));
    return await shelve({
      store,
      shelf: through.shelf?.(shelf) ?? shelf,
      disk: through.disk?.(diskAt(folder)) ?? diskAt(folder),
      folder,
      before: recorded,
      end,
      signed: { ...open(signed.note)!, note: signed.note },
      open,
      needed: stillNeeded(state),
      compact,
      watch: () => undefined,
    });
  } finally {
    await shelf.close();
    await store.close();
  }
}
