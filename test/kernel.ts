/** The whole kernel in one process on a memory store, with a clock that stands still until it is moved. */
import { createHash } from 'node:crypto';
import { signer } from '#ed25519';
import { Audit, type AuditReport } from '../src/authority/audit.ts';
import { toDidKey } from '../src/base/did-key.ts';
import { Refusal, type RefusalBody } from '../src/base/refusal.ts';
import { bound, type Caller, operator } from '../src/caller.ts';
import type { Cache, Keys, Store, Tree } from '../src/ports.ts';
import { BUILT_IN } from '../src/scope/preset.ts';
import { Sequencer } from '../src/sequencer/sequencer.ts';
import { type Output, Service } from '../src/service/service.ts';
import { TOOLS } from '../src/tools/index.ts';
import type { Policy } from '../src/tools/tool.ts';
import { MemoryArchive, MemoryCache, MemoryStore } from './store/memory.ts';

export const START = Date.UTC(2026, 10, 20, 10);
export const ORIGIN = 'aga-delegate/test';

export const seed = (name: string): Uint8Array => createHash('sha256').update(name).digest();
export const KEYS: Keys = { authority: signer(seed('authority')), log: signer(seed('log')) };

export interface Kernel {
  readonly service: Service;
  readonly store: Store;
  readonly clock: { now: number };
  readonly operator: Caller;
  /** The structured answer, or what was refused. */
  call(name: string, input: unknown, caller?: Caller): Promise<any>; // the tests read members of many tools' answers
  audit(): Promise<AuditReport>;
}

export interface KernelOptions {
  readonly store?: Store;
  readonly keys?: Keys;
  readonly clock?: { now: number };
  readonly caches?: { snapshot: Cache; checkpoint: Cache };
  readonly policy?: Policy;
}

/** As it is where the configuration says nothing. */
export const POLICY: Policy = { presets: BUILT_IN, rootCeiling: null, rootLimits: {}, launch: [] };

let kernels = 0;

export function kernel({
  store = new MemoryStore(),
  keys = KEYS,
  clock = { now: START },
  policy = POLICY,
  caches = { snapshot: new MemoryCache(), checkpoint: new MemoryCache() },
}: KernelOptions = {}): Kernel {
  kernels += 1;
  const own = kernels;
  let drawn = 0;
  const random = (length: number): Uint8Array => {
    drawn += 1;
    return seed(`random ${own} ${drawn}`).subarray(0, length);
  };
  const world = { store, caches, keys, clock: () => clock.now, policy, random, origin: ORIGIN };
  const audit = async (authority = toDidKey(keys.authority.publicKey)): Promise<AuditReport> => {
    const judged = new Audit({ authority, origin: ORIGIN });
    const { rows, head } = await store.read({ after: -1, limit: 1_000_000 });
    await judged.feed(rows);
    return judged.finish(head);
  };
  const archive = new MemoryArchive();
  const nodes: Tree['nodes'] = async (level, first, count) =>
    level === 0 ? (await store.read({ after: first - 1, limit: count })).rows.map((row) => row.entry_hash) : [];
  const reader = { read: store.read.bind(store), audit, nodes, said: async () => new Map(), archive };
  const sequencer = new Sequencer(world, (follower) => ({
    ...reader,
    get log() {
      return follower.log;
    },
  }));
  const service = new Service(sequencer, TOOLS);
  const self = operator();
  const call = (name: string, input: unknown, caller: Caller = self): Promise<Output> => {
    const tool = service.tools.get(name);
    if (!tool) throw new TypeError(`no tool ${name}`);
    return service.call(tool, input, caller).then((output) => {
      tool.output.parse(output);
      return output;
    });
  };
  return { service, store, clock, operator: self, call, audit };
}

export const as = (artifact: string): Caller => bound(artifact, 'process');

/** The refusal that a call ends in; fails when it does not. */
export async function refusal(promise: Promise<unknown>): Promise<RefusalBody & { detail: any }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Refusal) return error.body;
    throw error;
  }
  throw new Error('the call was not refused');
}

export async function kinds(store: Store): Promise<string[]> {
  return (await store.read({ after: -1, limit: 100_000 })).rows.map(({ kind }) => kind);
}
