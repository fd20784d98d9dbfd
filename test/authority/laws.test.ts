/** What holds of every history, asked of random ones; a second, slow and simple, opinion says what a scope permits. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { authorize } from '../../src/authority/authorize.ts';
import { type Grant, lineage } from '../../src/authority/grant.ts';
import { Ledger } from '../../src/authority/ledger.ts';
import type { State } from '../../src/authority/state.ts';
import { Refusal } from '../../src/base/refusal.ts';
import { as, type Kernel, kernel, ORIGIN, START } from '../kernel.ts';
import { act, deeds, type Permissions } from './deeds.ts';
import { portrait } from './portrait.ts';

const stateOf = ({ service, operator }: Kernel): Promise<State> =>
  service.ask({ name: 'look', caller: operator, writes: false, decide: ({ state }) => ({ answer: state }) });

/** One segment against a segment with stars, letter by letter. */
function segment(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] !== '*') return pattern[0] === text[0] && text !== '' && segment(pattern.slice(1), text.slice(1));
  for (let at = 0; at <= text.length; at++) if (segment(pattern.slice(1), text.slice(at))) return true;
  return false;
}

/** Segments against segments; `**` is any number of them. */
function matches([pattern, ...more]: readonly string[], words: readonly string[]): boolean {
  if (pattern === undefined) return words.length === 0;
  if (pattern !== '**') return words.length > 0 && segment(pattern, words[0]!) && matches(more, words.slice(1));
  for (let at = 0; at <= words.length; at++) if (matches(more, words.slice(at))) return true;
  return false;
}

const listed = (patterns: readonly string[] | undefined, resource: string): boolean =>
  (patterns ?? []).some((pattern) => matches(pattern.split('/'), resource.split('/')));

/** Every name of up to three segments over a small alphabet, and every path. */
const NAMES = ['a', 'b', 'ab', 'c'].flatMap((one) => [
  one,
  ...['a', 'b', 'c'].flatMap((two) => [`${one}/${two}`, `${one}/${two}/a`, `${one}/${two}/c`]),
]);
const ACTS = [
  ...NAMES.map((resource) => ({ capability: 'tool.call', resource })),
  ...NAMES.map((resource) => ({ capability: 'fs.read', resource: `/${resource}` })),
];

type Picks = readonly number[];

/** Draws from a list of numbers, so that a failing run shrinks. */
function drawing(picks: Picks): <T>(from: readonly T[]) => T {
  let at = 0;
  return (from) => from[(picks[at++ % picks.length] ?? 0) % from.length]!;
}

const SEGMENTS = ['a', 'b', 'c', 'ab'];

/** A pattern that matches no more than `pattern`, by replacing wildcards only. */
function narrower(pattern: string, pick: <T>(from: readonly T[]) => T): string {
  const absolute = pattern.startsWith('/');
  const parts = (absolute ? pattern.slice(1) : pattern).split('/').flatMap((part) => {
    if (part === '**') return pick([['**'], [pick(SEGMENTS)], [pick(SEGMENTS), '**'], ['*'], ['*', pick(SEGMENTS)]]);
    return [part.includes('*') ? part.replace('*', pick(['*', '', 'a', 'b', 'a*', '*b'])) : part];
  });
  // A star that was replaced by nothing leaves no segment, which is no pattern.
  return parts.includes('') ? pattern : `${absolute ? '/' : ''}${parts.join('/')}`;
}

function narrowed(permissions: Permissions, pick: <T>(from: readonly T[]) => T): Permissions {
  const lists = Object.entries(permissions).map(([name, patterns]) => {
    if (!['tool.call', 'fs.read'].includes(name)) return [name, patterns] as const;
    const kept = patterns.filter(() => pick([true, true, false]));
    return [
      name,
      kept.flatMap((pattern) => [narrower(pattern, pick), ...(pick([true, false]) ? [narrower(pattern, pick)] : [])]),
    ] as const;
  });
  return Object.fromEntries(lists);
}

const WIDE = ['**', '*', 'a/**', '*/b', 'a*/**', '**/c', 'a/*/c', 'ab', 'b/b'];

function hostile(pick: <T>(from: readonly T[]) => T): Permissions {
  const some = (from: readonly string[]): string[] => [pick(from), ...(pick([true, false]) ? [pick(from)] : [])];
  return {
    'tool.call': some(WIDE),
    'fs.read': some(WIDE.map((pattern) => `/${pattern}`)),
    'agent.delegate': ['*'],
    ...(pick([true, false, false]) && { 'net.fetch': ['**'] }),
  };
}

const step = fc.record({
  of: fc.nat(20),
  mode: fc.constantFrom('narrow', 'narrow', 'hostile'),
  picks: fc.array(fc.nat(60), { minLength: 12, maxLength: 40 }),
});
const lineages = fc.array(step, { minLength: 1, maxLength: 14 });
type Step = { readonly of: number; readonly mode: string; readonly picks: Picks };

interface Grown {
  readonly game: Kernel;
  readonly state: State;
  /** Requests that were narrower by construction, and refused. */
  readonly wronged: readonly string[];
  readonly made: readonly string[];
}

/** Grows a tree of up to six levels, each step below any artifact that may delegate. */
async function grow(steps: readonly Step[]): Promise<Grown> {
  const game = kernel();
  const first = drawing(steps[0]?.picks ?? [0]);
  const root = await game.call('aga_create_artifact', { permissions: hostile(first), max_depth: 6 });
  const made: { hash: string; permissions: Permissions }[] = [
    { hash: root.artifact_hash, permissions: root.permissions },
  ];
  const wronged: string[] = [];
  for (const { of, mode, picks } of steps) {
    // Later ones are deeper, on the whole.
    const parent = made[Math.max(0, made.length - 1 - (of % 4))]!;
    const pick = drawing(picks);
    const permissions = mode === 'narrow' ? narrowed(parent.permissions, pick) : hostile(pick);
    try {
      const child = await game.call('aga_delegate_to_subagent', { permissions }, as(parent.hash));
      made.push({ hash: child.child_artifact_hash, permissions: child.permissions });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (mode === 'narrow' && error.code !== 'DEPTH_EXCEEDED')
        wronged.push(`${error.message} ${JSON.stringify([parent.permissions, permissions])}`);
    }
  }
  return { game, state: await stateOf(game), wronged, made: made.map(({ hash }) => hash) };
}

const mayBy = (grant: Grant, { capability, resource }: { capability: string; resource: string }): boolean =>
  listed(grant.scope.permissions[capability], resource);

describe('a random lineage', () => {
  it('permits exactly what every one of its artifacts permits, by a second opinion', async () => {
    await fc.assert(
      fc.asyncProperty(lineages, async (steps) => {
        const { state } = await grow(steps);
        for (const grant of state.grants.values()) {
          for (const each of ACTS) {
            const permitted = authorize(grant, each, START) === null;
            expect([grant.depth, each, permitted]).toEqual([
              grant.depth,
              each,
              lineage(grant).every((at) => mayBy(at, each)),
            ]);
          }
        }
      }),
      { numRuns: 80 },
    );
  });

  it('never permits an act that an ancestor denies, and names the one nearest the root', async () => {
    await fc.assert(
      fc.asyncProperty(lineages, async (steps) => {
        const { state } = await grow(steps);
        for (const grant of state.grants.values()) {
          for (const each of ACTS) {
            const line = lineage(grant);
            const no = line.find((at) => authorize(at, each, START) !== null);
            expect(authorize(grant, each, START)?.by).toBe(no);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('never grows: what a child permits alone, its parent permits alone', async () => {
    await fc.assert(
      fc.asyncProperty(lineages, async (steps) => {
        const { state } = await grow(steps);
        for (const grant of state.grants.values()) {
          const { parent } = grant;
          if (parent) expect(ACTS.filter((each) => mayBy(grant, each) && !mayBy(parent, each))).toEqual([]);
        }
      }),
      { numRuns: 80 },
    );
  });

  it('is granted whatever is narrower by construction, so that an honest agent is not refused', async () => {
    await fc.assert(
      fc.asyncProperty(lineages, async (steps) => {
        expect((await grow(steps)).wronged).toEqual([]);
      }),
      { numRuns: 80 },
    );
  });

  it('ends below every cut', async () => {
    await fc.assert(
      fc.asyncProperty(lineages, fc.nat(20), async (steps, at) => {
        const { game, made } = await grow(steps);
        const cut = made[at % made.length]!;
        const { revoked } = await game.call('aga_revoke_artifact', { artifact_hash: cut, reason: 'x' });
        const state = await stateOf(game);
        for (const hash of made) {
          const grant = state.grants.get(hash)!;
          const below = lineage(grant).some((each) => each.hash === cut);
          expect(revoked.includes(hash)).toBe(below);
          for (const each of ACTS.slice(0, 5)) {
            const no = authorize(grant, each, START);
            if (below) expect(no?.code).toBe('ARTIFACT_REVOKED');
            else expect(no?.code).not.toBe('ARTIFACT_REVOKED');
          }
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('a random history', () => {
  it('folded from its entries is the state that lived through it', async () => {
    await fc.assert(
      fc.asyncProperty(deeds, async (history) => {
        const game = kernel();
        await act(game, history);
        const live = await stateOf(game);
        const ledger = new Ledger(ORIGIN);
        for (const row of (await game.store.read({ after: -1, limit: 10_000 })).rows) ledger.absorb(row);
        ledger.state.advance(game.clock.now);
        expect(portrait(ledger.state)).toEqual(portrait(live));
        expect((await game.audit()).findings).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('counts live children as they are', async () => {
    await fc.assert(
      fc.asyncProperty(deeds, async (history) => {
        const game = kernel();
        await act(game, history);
        const { grants } = await stateOf(game);
        for (const grant of grants.values()) {
          const live = [...grants.values()].filter(
            ({ parent, revoked, expires }) => parent === grant && revoked === null && expires > game.clock.now,
          );
          expect(grant.liveChildren).toBe(live.length);
        }
      }),
      { numRuns: 60 },
    );
  });
});
