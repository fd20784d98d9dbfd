/** The ledger of budgets against a model that keeps no balance: it adds everything up again for every question. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RESERVED_FOR } from '../../src/authority/event/spend-reserved.ts';
import { Ledger } from '../../src/authority/ledger.ts';
import { freeze, thaw } from '../../src/authority/snapshot.ts';
import { KEYS, type Kernel, kernel, ORIGIN, refusal } from '../kernel.ts';
import { audited, chainOf, entriesOf, faults, rebuilt } from './forge.ts';
import { portrait } from './portrait.ts';

type Move =
  | {
      readonly do: 'delegate';
      readonly of: number;
      readonly mode: 'slice' | 'pool';
      readonly cap?: number;
      readonly ttl: number;
    }
  | { readonly do: 'reserve'; readonly of: number; readonly cents: number }
  | { readonly do: 'settle'; readonly of: number; readonly cents: number }
  | { readonly do: 'release'; readonly of: number }
  | { readonly do: 'revoke'; readonly of: number }
  | { readonly do: 'wait'; readonly seconds: number };

interface Node {
  readonly hash: string;
  readonly parent: Node | null;
  readonly slice: boolean;
  readonly cap: number | undefined;
  readonly expires: number;
  revoked: boolean;
  readonly children: Node[];
  /** Cents that were settled under its own name. */
  settled: number;
}
interface Open {
  readonly id: string;
  readonly node: Node;
  readonly cents: number;
  readonly expires: number;
}

/** Everything in cents, and nothing remembered but what happened. */
class Model {
  now: number;
  readonly nodes: Node[] = [];
  open: Open[] = [];

  constructor(now: number) {
    this.now = now;
  }

  lives = (node: Node): boolean => !node.revoked && node.expires > this.now;
  liveLine = (node: Node): boolean => this.lives(node) && (node.parent === null || this.liveLine(node.parent));
  spent = (node: Node): number => node.settled + node.children.reduce((sum, child) => sum + this.spent(child), 0);

  used(node: Node): number {
    const held = this.open.filter((each) => each.node === node && each.expires > this.now);
    const below = node.children.map((child) => {
      if (!this.lives(child)) return this.spent(child);
      return child.slice ? child.cap! : this.used(child);
    });
    return node.settled + [...held.map(({ cents }) => cents), ...below].reduce((sum, each) => sum + each, 0);
  }

  left(node: Node): number {
    const own = node.cap === undefined ? Number.POSITIVE_INFINITY : node.cap - this.used(node);
    return node.slice || node.parent === null ? own : Math.min(own, this.left(node.parent));
  }

  capAbove = (node: Node): number => node.cap ?? this.capAbove(node.parent!);
  within = (node: Node, root: Node): boolean =>
    node === root || (node.parent !== null && this.within(node.parent, root));
}

const dollars = (cents: number): string => `USD:${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
const TOP = 1000;
const cents = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: TOP + 10 }));
const of = fc.nat(40);
const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .record({
        do: fc.constant('delegate' as const),
        of,
        mode: fc.constantFrom('slice' as const, 'pool' as const),
        cap: fc.option(cents, { freq: 3, nil: undefined }),
        ttl: fc.constantFrom(60, 600, 3600),
      })
      .map(({ cap, ...rest }) => (cap === undefined ? { ...rest, mode: 'pool' as const } : { ...rest, cap })),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('reserve' as const), of, cents }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('settle' as const), of, cents }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), of }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke' as const), of }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(1, 60, 400, 1000) }) },
);

/** What has ended long ago is not known any more. */
const ENDED = ['LEASE_EXPIRED', 'ARTIFACT_REVOKED', 'ARTIFACT_NOT_FOUND'];

/** The code with which a call ends; undefined for success. */
async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

async function play(game: Kernel, model: Model, step: Move): Promise<void> {
  const { call, clock } = game;
  model.now = clock.now;
  const node = model.nodes[('of' in step ? step.of : 0) % model.nodes.length]!;
  const open = model.open[('of' in step ? step.of : 0) % model.open.length];
  if (step.do === 'wait') {
    clock.now += step.seconds * 1000;
    model.now = clock.now;
  } else if (step.do === 'delegate') {
    const permissions = {
      'agent.delegate': ['*'],
      ...(step.cap !== undefined && { 'cost.budget': [dollars(step.cap)] }),
    };
    const asked = { parent_artifact_hash: node.hash, permissions, budget_mode: step.mode, ttl_seconds: step.ttl };
    const answer = call('aga_delegate_to_subagent', { ...asked, max_depth: undefined }).catch((error) => error);
    const { code, child_artifact_hash } = await answer;
    if (!model.liveLine(node)) return expect(ENDED).toContain(code);
    if (code === 'DEPTH_EXCEEDED' || code === 'FANOUT_EXCEEDED') return;
    if (step.cap !== undefined && step.cap > model.capAbove(node)) return expect(code).toBe('LEASE_SUBSET_VIOLATION');
    if (step.cap !== undefined && step.cap > model.left(node)) return expect(code).toBe('BUDGET_EXHAUSTED');
    expect(code).toBeUndefined();
    const expires = Math.min(node.expires, clock.now + step.ttl * 1000);
    const child = { hash: child_artifact_hash, parent: node, slice: step.mode === 'slice', cap: step.cap, expires };
    const born = { ...child, revoked: false, children: [], settled: 0 };
    node.children.push(born);
    model.nodes.push(born);
  } else if (step.do === 'reserve') {
    const answer = call('aga_spend', { action: 'reserve', artifact_hash: node.hash, amounts: [dollars(step.cents)] });
    const { code, reservation_id } = await answer.catch((error) => error);
    if (!model.liveLine(node)) return expect(ENDED).toContain(code);
    if (step.cents > model.left(node)) return expect(code).toBe('BUDGET_EXHAUSTED');
    expect(code).toBeUndefined();
    model.open.push({ id: reservation_id, node, cents: step.cents, expires: clock.now + RESERVED_FOR });
  } else if (step.do === 'revoke') {
    if (node.parent === null) return;
    const code = await codeOf(call('aga_revoke_artifact', { artifact_hash: node.hash, reason: 'x' }));
    if (model.liveLine(node)) expect(code).toBeUndefined();
    if (model.liveLine(node)) node.revoked = true;
  } else if (open) {
    const action = { action: step.do, artifact_hash: open.node.hash, reservation_id: open.id };
    const amounts = step.do === 'settle' ? { amounts: [dollars(step.cents)] } : {};
    const code = await codeOf(call('aga_spend', { ...action, ...amounts }));
    if (!model.liveLine(open.node)) return expect(code).toBeDefined();
    if (open.expires <= clock.now) return expect(code).toBe('ARTIFACT_NOT_FOUND');
    if (step.do === 'settle' && step.cents > open.cents) return expect(code).toBe('BUDGET_EXHAUSTED');
    expect(code).toBeUndefined();
    if (step.do === 'settle') open.node.settled += step.cents;
    model.open = model.open.filter((each) => each !== open);
  }
}

async function begin(): Promise<{ game: Kernel; model: Model }> {
  const game = kernel();
  const permissions = { 'agent.delegate': ['*'], 'cost.budget': [dollars(TOP)] };
  const made = { permissions, ttl_seconds: 100_000, max_depth: 6 };
  const { artifact_hash: hash } = await game.call('aga_create_artifact', made);
  const model = new Model(game.clock.now);
  const expires = game.clock.now + 100_000_000;
  model.nodes.push({ hash, parent: null, slice: false, cap: TOP, expires, revoked: false, children: [], settled: 0 });
  return { game, model };
}

/** What every live artifact has left, by the implementation. */
async function shown({ call }: Kernel): Promise<Map<string, string[]>> {
  const { tree } = await call('aga_inspect', { view: 'tree' });
  return new Map(
    tree.map((node: { artifact_hash: string; budget_left: string[] }) => [node.artifact_hash, node.budget_left]),
  );
}

const plain = (amount: string): string => amount.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');

describe('the ledger of budgets', () => {
  it('agrees with its model over random histories, is audited clean, and survives a snapshot', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 5, maxLength: 40 }), async (history) => {
        const { game, model } = await begin();
        for (const step of history) await play(game, model, step);
        model.now = game.clock.now;
        const left = await shown(game);
        for (const node of model.nodes) {
          if (!model.liveLine(node)) continue;
          expect(left.get(node.hash)).toEqual([plain(dollars(model.left(node)))]);
          expect(model.left(node)).toBeGreaterThanOrEqual(0);
          expect(model.spent(node)).toBeLessThanOrEqual(model.capAbove(node));
        }
        const chain = await chainOf(game.store);
        expect((await audited(chain)).findings).toEqual([]);
        const [one, other] = [new Ledger(ORIGIN), new Ledger(ORIGIN)];
        for (const row of chain.rows) for (const each of [one, other]) each.absorb(row);
        const thawed = thaw(freeze(other, KEYS.log), ORIGIN, KEYS.log.publicKey)!;
        for (const each of [one, thawed]) each.state.advance(game.clock.now + 10_000_000);
        expect(portrait(thawed.state)).toEqual(portrait(one.state));
      }),
      { numRuns: 120 },
    );
  });

  it('cannot be written past: a chain whose authority lets a subtree overspend is found out', async () => {
    const { game } = await begin();
    const { call, store } = game;
    await call('aga_spend', { action: 'reserve', amounts: ['USD:6'] });
    const settled = await call('aga_spend', { action: 'reserve', amounts: ['USD:2'] });
    await call('aga_spend', { action: 'settle', reservation_id: settled.reservation_id, amounts: ['USD:1.5'] });
    const entries = entriesOf(await chainOf(store));
    type Change = (event: { remaining?: object[] }) => object;
    const found = async (kind: string, at: number, change: Change): Promise<string[]> => {
      const wanted = entries.filter(({ event }) => event.kind === kind)[at];
      const changed = entries.map((entry) =>
        entry === wanted ? { ...entry, event: { ...entry.event, ...change(entry.event as object) } } : entry,
      );
      return faults(rebuilt(changed as typeof entries));
    };
    const levels = (amount: string, { remaining = [] }: { remaining?: object[] }) =>
      remaining.map((level) => ({ ...level, amounts: [amount] }));
    expect(
      await found('SPEND_RESERVED', 1, (event) => ({ amounts: ['USD:4.01'], remaining: levels('USD:0', event) })),
    ).toContain('3 law.BUDGET_EXHAUSTED');
    expect(
      await found('SPEND_SETTLED', 0, (event) => ({ amounts: ['USD:2.01'], remaining: levels('USD:0', event) })),
    ).toEqual(['4 law.BUDGET_EXHAUSTED']);
    expect(await found('SPEND_SETTLED', 0, () => ({ reservation_id: 'x'.repeat(22) }))).toEqual([
      '4 law.ARTIFACT_NOT_FOUND',
    ]);
    expect(await found('SPEND_RESERVED', 0, (event) => ({ remaining: levels('USD:9', event) }))).toEqual([
      '2 law.INVALID_REQUEST',
    ]);
  });

  it('is asked by a hundred at once and gives to as many as it can pay for', async () => {
    const { game } = await begin();
    const asked = Array.from({ length: 100 }, () =>
      game.call('aga_spend', { action: 'reserve', amounts: ['USD:0.30'] }),
    );
    const codes = await Promise.all(asked.map(codeOf));
    expect(codes.filter((code) => code === undefined)).toHaveLength(33);
    expect(new Set(codes)).toEqual(new Set([undefined, 'BUDGET_EXHAUSTED']));
    expect((await refusal(game.call('aga_spend', { action: 'reserve', amounts: ['USD:0.11'] }))).code).toBe(
      'BUDGET_EXHAUSTED',
    );
  });
});
