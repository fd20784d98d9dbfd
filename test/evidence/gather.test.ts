/** Which entries a bundle gathers where artifacts have very many: those that bear on its subject, without reading the others. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toDidKey } from '../../src/base/did-key.ts';
import type { Source } from '../../src/evidence/gather.ts';
import { lineageStatement, openEnvelope } from '../../src/evidence/in-toto.ts';
import { verifyBundle } from '../../src/evidence/verify.ts';
import { openSqlite, type SqliteStore } from '../../src/store/sqlite.ts';
import { as, KEYS, type Kernel, kernel, POLICY } from '../kernel.ts';
import { directory } from '../scratch.ts';
import { buildBundle } from './build.ts';

const MANY = 60;
const agents = new Map([['worker@1.0.0', { isDefault: true }]]);
const policy = { ...POLICY, jobs: { agents, supervisor: 'test' } };
const permissions = { 'agent.delegate': ['*', '*@*'], 'tool.call': ['fs/*'] };

const folder = directory();
let store: SqliteStore;
let k: Kernel;
/** A job of a lead who has given out many, and what that job handed on. */
let job: string;
let grandchild: string;

beforeAll(async () => {
  store = openSqlite(join(folder, 'chain.db'));
  k = kernel({ store, policy });
  await k.call('aga_create_artifact', { permissions, max_children: 1000 });
  const lead = (await k.call('aga_delegate_to_subagent', { permissions, max_children: 1000 })).child_artifact_hash;
  const asked = { agent: 'worker', input: {}, parent_artifact_hash: lead, permissions };
  for (let n = 0; n < MANY; n++) {
    const made = await k.call('aga_dispatch_job', asked, as(lead));
    if (n === MANY / 2) job = made.child_artifact_hash;
  }
  const handed = { permissions: { 'tool.call': ['fs/read'] } };
  grandchild = (await k.call('aga_delegate_to_subagent', handed, as(job))).child_artifact_hash;
  for (let n = 0; n < MANY; n++) await k.call('aga_delegate_to_subagent', handed, as(lead));
});
afterAll(() => store.close());

/** The store, and how many entries it was asked for. */
function counted(): Source & { read: Source['read']; rows(): number } {
  let rows = 0;
  return {
    nodes: (...range) => store.nodes(...range),
    async read(query) {
      const page = await store.read(query);
      rows += page.rows.length;
      return page;
    },
    rows: () => rows,
  };
}

describe('what is gathered', () => {
  it('holds the acceptance of a job above, and none of its siblings', async () => {
    const { text } = await buildBundle(store, { artifact_hash: grandchild }, KEYS.log, k.clock.now);
    const report = await verifyBundle(text, { trust: toDidKey(KEYS.authority.publicKey) });
    expect([report.integrity, report.containment, report.conduct].flatMap(({ findings }) => findings)).toEqual([]);
    const kinds = JSON.parse(text).entries.map(({ event }: { event: { kind: string } }) => event.kind);
    expect(kinds).toEqual(['GENESIS', 'ARTIFACT_CREATED', 'DELEGATION', 'DELEGATION', 'JOB_ACCEPTED', 'DELEGATION']);
  });

  it('is found without reading what else the artifacts above have done', async () => {
    const of = async (make: (source: Source) => Promise<unknown>): Promise<number> => {
      const source = counted();
      await make(source);
      return source.rows();
    };
    const size = 3 * MANY;
    expect(await of((s) => buildBundle(s, { artifact_hash: grandchild }, KEYS.log, k.clock.now))).toBeLessThan(30);
    expect(await of((s) => buildBundle(s, { first: size - 2, last: size }, KEYS.log, k.clock.now))).toBeLessThan(30);
    expect(await of((s) => lineageStatement(s, grandchild, KEYS.log))).toBeLessThan(15);
    const text = await lineageStatement(store, grandchild, KEYS.log);
    const statement: any = openEnvelope(text, toDidKey(KEYS.log.publicKey)); // of the shape that it was made in
    expect(statement.predicate.lineage.map(({ depth }: { depth: number }) => depth)).toEqual([0, 1, 2, 3]);
  });
});
