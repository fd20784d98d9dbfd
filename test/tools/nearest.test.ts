/** The promise in the hint: what a refusal for scope offers passes, put into the very request that was refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/base/refusal.ts';
import { parseLimits } from '../../src/scope/limits.ts';
import { parseCeiling, parsePresets } from '../../src/scope/preset.ts';
import { denials } from '../../src/scope/scope.ts';
import { kernel, POLICY, refusal } from '../kernel.ts';

type Request = { readonly [member: string]: unknown };

const PRESETS = parsePresets({
  writer: {
    permissions: { 'tool.call': ['a/**'], 'fs.read': ['/ws/**'] },
    limits: { calls: 5 },
    argument_rules: [{ tool: 'a/b', arguments: { p: { under: '/ws' }, q: { any: true, optional: true } } }],
  },
  spender: { permissions: { 'tool.call': ['a/b'], 'cost.budget': ['USD:2'], 'agent.delegate': ['s@*'] } },
  browser: { permissions: { 'tool.call': ['**'], 'net.fetch': ['https://*.example.com/**'], 'cost.budget': [] } },
});
const CEILING = parseCeiling(
  {
    permissions: { 'tool.call': ['a/**', 'b/*'], 'fs.read': ['/ws/**'], 'cost.budget': ['USD:3'] },
    limits: { calls: 7 },
    argument_rules: [{ tool: 'a/*', arguments: { p: { matches: 'x*' } } }],
  },
  'root_ceiling',
);
const POLICIES = [
  { ...POLICY, presets: PRESETS },
  { ...POLICY, presets: PRESETS, rootCeiling: CEILING, rootLimits: parseLimits({ calls_per_minute: 6 }) },
];

const DELEGATE = 'aga_delegate_to_subagent';
const parent = async (root: Request, ...children: Request[]) => {
  const { call } = kernel({ policy: POLICIES[0]! });
  let held: string = (await call('aga_create_artifact', root)).artifact_hash;
  for (const child of children)
    held = (await call(DELEGATE, { parent_artifact_hash: held, ...child })).child_artifact_hash;
  return (request: Request) => call(DELEGATE, { parent_artifact_hash: held, ...request });
};

describe('a request that is wrong in several members is offered what passes as a whole', () => {
  const RIGHT = { 'agent.delegate': ['*', '*@*'] };
  it.each<[string, Request, Request[], Request, Request]>([
    [
      'more than the preset leaves, and a limit above the parent',
      { limits: { calls_per_minute: 2 } },
      [],
      { policy_preset: 'isolated', permissions: { 'net.fetch': ['**'] }, limits: { calls_per_minute: 7 } },
      { permissions: {}, limits: { calls_per_minute: 2 } },
    ],
    [
      'a tool too many, and a binding too weak',
      {},
      [{ permitted_tools: ['a/*'], permissions: RIGHT, min_binding: 'proof' }],
      { permitted_tools: ['a/b', 'c/d'], min_binding: 'handle' },
      { permitted_tools: ['a/b'], min_binding: 'proof' },
    ],
    [
      'a slice of a budget that nobody above has',
      {},
      [],
      { permissions: { 'tool.call': ['a/b'], 'cost.budget': ['USD:1'] }, budget_mode: 'slice' },
      { permissions: { 'tool.call': ['a/b'] }, budget_mode: 'pool' },
    ],
    [
      'a wider preset, and more than the narrower one leaves',
      {},
      [{ policy_preset: 'spender' }],
      { policy_preset: 'coordinator', permissions: { 'tool.call': ['a/b'], 'fs.read': ['/ws'] } },
      { policy_preset: 'spender', permissions: { 'tool.call': ['a/b'] } },
    ],
    [
      'a rule that has nothing in common with that of the preset',
      {},
      [],
      { policy_preset: 'writer', argument_rules: [{ tool: 'a/b', arguments: { other: { any: true } } }] },
      {
        argument_rules: [{ tool: 'a/b', arguments: { p: { under: '/ws' }, q: { any: true, optional: true } } }],
      },
    ],
    [
      'a preset whose rules and those of the parent no rule could say together',
      { argument_rules: [{ tool: 'a/b', arguments: { other: { any: true } } }] },
      [],
      { policy_preset: 'writer', permitted_tools: ['a/b'] },
      { policy_preset: 'isolated', permitted_tools: [] },
    ],
  ])('%s', async (_, root, children, request, offer) => {
    const delegate = await parent(root, ...children);
    const no = await refusal(delegate({ sub_agent_id: 's@1', ...request }));
    expect([no.code, no.detail?.nearest_allowed]).toEqual(['LEASE_SUBSET_VIOLATION', offer]);
    expect(no.detail.excess).not.toEqual([]);
    expect((await delegate({ sub_agent_id: 's@1', ...request, ...offer })).success).toBe(true);
  });

  it('is offered the money that is left, and none where nothing is', async () => {
    const { call } = kernel();
    await call('aga_create_artifact', { permissions: { 'tool.call': ['a/*'], 'cost.budget': ['USD:5', 'EUR:2'] } });
    await call('aga_spend', { action: 'reserve', amounts: ['USD:4', 'EUR:2'] });
    const asked = { permissions: { 'tool.call': ['a/b', 'c'], 'cost.budget': ['USD:9', 'EUR:1'] } };
    for (const preset of [{}, { policy_preset: 'sandboxed' }]) {
      const no = await refusal(call(DELEGATE, { ...asked, ...preset, max_depth: 0 }));
      expect(no.detail.nearest_allowed).toEqual({ permissions: { 'tool.call': ['a/b'], 'cost.budget': ['USD:1'] } });
    }
    const no = await refusal(call(DELEGATE, { ...asked, budget_mode: 'slice' }));
    expect((await call(DELEGATE, { ...asked, ...no.detail.nearest_allowed })).success).toBe(true);
  });

  it('is refused limits that it would not get, and gets those that it has not named', async () => {
    const { call } = kernel({ policy: POLICIES[1]! });
    const limitsOf = async (hash: string) => (await call('aga_inspect', { artifact_hash: hash })).artifact.scope.limits;
    const no = await refusal(call('aga_create_artifact', { limits: { calls: 8 } }));
    expect([no.code, no.detail.nearest_allowed]).toEqual(['LEASE_SUBSET_VIOLATION', { limits: { calls: 7 } }]);
    const root = await call('aga_create_artifact', { max_children: 9 });
    expect(await limitsOf(root.artifact_hash)).toEqual({ calls: 7, calls_per_minute: 6 });
    const named = await call('aga_create_artifact', { limits: { calls_per_minute: 9 } });
    expect(await limitsOf(named.artifact_hash)).toEqual({ calls: 7, calls_per_minute: 9 });

    const { call: ask } = kernel({ policy: POLICIES[0]! });
    await ask('aga_create_artifact', {});
    const wide = await refusal(ask(DELEGATE, { policy_preset: 'writer', limits: { calls: 6 } }));
    expect([wide.code, wide.detail.nearest_allowed]).toEqual(['LEASE_SUBSET_VIOLATION', { limits: { calls: 5 } }]);
    await ask(DELEGATE, { policy_preset: 'writer', limits: { calls: 4 } });
  });

  it('is not offered a preset that has left the configuration', async () => {
    const policy = { ...POLICIES[0]! };
    const { call } = kernel({ policy });
    await call('aga_create_artifact', { policy_preset: 'spender' });
    Object.assign(policy, POLICY);
    const no = await refusal(call(DELEGATE, { sub_agent_id: 's@1', policy_preset: 'isolated' }));
    expect([no.code, no.detail.nearest_allowed]).toEqual(['LEASE_SUBSET_VIOLATION', undefined]);
    expect(no.hint).toContain('omit policy_preset');
    expect((await call(DELEGATE, { sub_agent_id: 's@1' })).success).toBe(true);
  });

  it.each<[object, string]>([
    [{ permitted_tools: ['b/y'] }, 'root'],
    [{ permitted_tools: ['a/y'] }, 'middle'],
    [{ permitted_tools: ['a/y', 'b/y'] }, 'root'],
    [{ permitted_tools: ['a/y', 'b/y'], max_depth: 0, ttl_seconds: 9_999_999 }, 'root'],
    [{ limits: { calls: 9 } }, 'middle'],
    [{ enforcement_triggers: ['TERMINATE'] }, 'root'],
    [{ min_binding: 'handle' }, 'middle'],
    [{ policy_preset: 'writer' }, 'middle'],
  ])('and which artifact it is that says no, the one nearest the root: %j', async (request, by) => {
    const { call } = kernel({ policy: POLICIES[0]! });
    const root = await call('aga_create_artifact', { subject: 'root', permitted_tools: ['a/*'] });
    const middle = await call(DELEGATE, {
      sub_agent_id: 'middle',
      policy_preset: 'spender',
      permissions: { 'tool.call': ['a/b'] },
      limits: { calls: 8 },
      min_binding: 'bearer',
    });
    const who = {
      root: { artifact_hash: root.artifact_hash, subject: 'root', depth: 0 },
      middle: { artifact_hash: middle.child_artifact_hash, subject: 'middle', depth: 1 },
    }[by];
    const parent_artifact_hash = middle.child_artifact_hash;
    const no = await refusal(call(DELEGATE, { parent_artifact_hash, sub_agent_id: 's@1', ...request }));
    expect([no.code, no.detail.refused_by]).toEqual(['LEASE_SUBSET_VIOLATION', who]);
  });

  it('without filling the context of whoever asks for many tools', async () => {
    const tools = (server: string, count: number) =>
      Array.from({ length: count }, (_, at) => `${server}/tool-number-${at}`);
    const delegate = await parent({ permitted_tools: tools('ours', 200) });
    const many = await refusal(delegate({ permitted_tools: tools('theirs', 100) }));
    expect(JSON.stringify(many).length).toBeLessThan(20_000);
    const one = await refusal(delegate({ permitted_tools: ['theirs/one'] }));
    expect(one.detail.excess[0].parent).toHaveLength(200);
  });

  it('but is told first of what no offer can mend', async () => {
    const delegate = await parent({});
    const beyond = { policy_preset: 'sandboxed', permissions: { 'fs.write': ['/ws'] } };
    expect((await refusal(delegate({ ...beyond, max_depth: 3 }))).code).toBe('DEPTH_EXCEEDED');
    expect((await refusal(delegate({ ...beyond, budget_mode: 'slice' }))).code).toBe('INVALID_REQUEST');
  });
});

describe('a no that no offer can mend says what to do', () => {
  it.each<[string, Request, Request, RegExp]>([
    ['deeper than the parent', {}, { max_depth: 3 }, /smaller max_depth, or omit it/],
    ['below the last of a lineage', { max_depth: 0 }, {}, /nearer the root/],
    ['without the right to delegate', { permissions: { 'agent.delegate': [] } }, {}, /policy_preset "coordinator"/],
    ['a version of a bare name', { permissions: { 'agent.delegate': ['s'] } }, {}, /"name@\*" covers every one/],
  ])('%s', async (_, root, request, hint) => {
    const delegate = await parent(root);
    expect((await refusal(delegate({ sub_agent_id: 's@1', ...request }))).hint).toMatch(hint);
  });
});

describe('a no to one act shows what would be a yes', () => {
  const asks = async (capability: string, resource: string, isolated = false) => {
    const { call, service, operator: caller } = kernel();
    await call('aga_create_artifact', {
      permissions: { 'cost.budget': ['USD:5.00', 'EUR:1'], 'net.fetch': ['https://example.com/**'] },
      enforcement_triggers: ['NETWORK_ISOLATE'],
    });
    await call('aga_spend', { action: 'reserve', amounts: ['USD:3', 'EUR:1'] });
    const { child_artifact_hash: child } = await call(DELEGATE, { policy_preset: 'coordinator' });
    const event = { kind: 'TRIGGER', artifact_hash: child, trigger: 'NETWORK_ISOLATE', cause: 'test' } as const;
    const decide = () => ({ event, tell: () => null });
    if (isolated) await service.askAnyone({ name: 'isolate', caller, writes: true, decide });
    return call('aga_check_permission', { artifact_hash: child, capability, resource });
  };

  it('of an inherited budget what is left of it, and of a spent currency nothing', async () => {
    for (const [amount, code] of [
      ['USD:2.01', 'BUDGET_EXHAUSTED'],
      ['USD:6', 'PERMISSION_DENIED'],
      ['JPY:1', 'PERMISSION_DENIED'],
    ] as const)
      expect(await asks('cost.budget', amount)).toMatchObject({ code, nearest_allowed: ['USD:2'] });
    expect(await asks('cost.budget', 'USD:2')).toMatchObject({ allowed: true });
  });

  it('of the network nothing while it is taken away', async () => {
    const isolated = await asks('net.fetch', 'https://example.com/a', true);
    expect(isolated).toMatchObject({ code: 'PERMISSION_DENIED', nearest_allowed: [] });
    const other = await asks('net.fetch', 'https://example.org/a');
    expect(other).toMatchObject({ code: 'PERMISSION_DENIED', nearest_allowed: ['https://example.com/**'] });
  });
});

const LISTS: { readonly [capability: string]: readonly string[] } = {
  'tool.call': ['**', 'a/**', 'a/*', 'a/b', '*/b', 'a/b*', 'b/*', 'a/**/c'],
  'fs.read': ['/**', '/ws/**', '/ws/*', '/ws/*.txt', '/**/a'],
  'net.fetch': ['**', 'https://example.com/**', 'https://*.example.com/**', 'http://example.com/'],
  'agent.delegate': ['*', '*@*', 's', 's@1', 's@*'],
  'cost.budget': ['USD:5.00', 'USD:1', 'EUR:2.5'],
  'x-acme.thing': ['**', 'a/*'],
};
const some = <T>(values: readonly T[], maxLength = 2) => fc.array(fc.constantFrom(...values), { maxLength });
const rule = fc.record({
  tool: fc.constantFrom('a/*', 'a/b', '**'),
  arguments: fc.dictionary(
    fc.constantFrom('p', 'q', '/l/x'),
    fc.constantFrom<Request>(
      { equals: 'x' },
      { under: '/ws' },
      { matches: 'x*', optional: true },
      { max: 5 },
      { any: true },
    ),
    { maxKeys: 2 },
  ),
});
const members = {
  permissions: fc.record(
    Object.fromEntries(Object.entries(LISTS).map(([capability, list]) => [capability, some(list)])),
    { requiredKeys: [] },
  ),
  argument_rules: fc.array(rule, { maxLength: 2 }),
  limits: fc.record({ calls: fc.nat(9), calls_per_minute: fc.nat(9) }, { requiredKeys: [] }),
  policy_preset: fc.constantFrom('isolated', 'sandboxed', 'coordinator', 'writer', 'spender', 'browser'),
  enforcement_triggers: some(['TERMINATE', 'ALERT_ONLY']),
  measurement_types: some(['SBOM', 'TEE_QUOTE']),
};
const root = fc.record(members, { requiredKeys: [] });
const child = fc.record(
  {
    ...members,
    min_binding: fc.constantFrom('handle', 'bearer', 'proof'),
    budget_mode: fc.constantFrom('slice', 'pool'),
    max_depth: fc.nat(2),
  },
  { requiredKeys: [] },
);

const BUDGET = 'cost.budget';
const NOTHING = { permissions: {}, argument_rules: [], limits: {}, enforcement_triggers: [], measurement_types: [] };
/** A ceiling that says nothing of delegating leaves that to the root. */
const TOP: typeof CEILING = { ...CEILING, permissions: { 'agent.delegate': ['*', '*@*'], ...CEILING.permissions } };
const RICH: Request = { permissions: LISTS };
const ACTS: readonly (readonly [string, string])[] = [
  ['tool.call', 'a/b'],
  ['tool.call', 'a/x/c'],
  ['tool.call', 'b/b'],
  ['fs.read', '/ws/a.txt'],
  ['fs.write', '/ws/a.txt'],
  ['net.fetch', 'https://sub.example.com/'],
  ['net.fetch', 'https://example.org/'],
  ['agent.delegate', 's@1'],
  ['x-acme.thing', 'a/b'],
  [BUDGET, 'USD:0.5'],
  [BUDGET, 'USD:2.5'],
  [BUDGET, 'EUR:1'],
];

describe('whatever is asked for', () => {
  it('nobody may do what a preset above, or the root_ceiling, does not permit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1), fc.array(child, { minLength: 1, maxLength: 4 }), async (which, asked) => {
        const { call } = kernel({ policy: POLICIES[which]! });
        const granted = async (tool: string, request: Request) => {
          const first = await tried(call(tool, request));
          const offer = first instanceof Refusal ? offered(first) : undefined;
          return offer ? tried(call(tool, { ...request, ...offer })) : first;
        };
        let held: string | undefined;
        const above: string[] = [];
        for (const request of [RICH, ...asked]) {
          const rest = held === undefined ? {} : { sub_agent_id: 's@1', parent_artifact_hash: held };
          const made = await granted(held === undefined ? 'aga_create_artifact' : DELEGATE, { ...request, ...rest });
          if (made instanceof Refusal) continue;
          held = made.child_artifact_hash ?? made.artifact_hash;
          const { terms } = (await call('aga_inspect', { artifact_hash: held })).artifact;
          if (terms.preset !== null) above.push(terms.preset);
          for (const [capability, resource] of ACTS) {
            const { allowed } = await call('aga_check_permission', { artifact_hash: held, capability, resource });
            const presets = above.map((name) => PRESETS.get(name)!).filter(({ all }) => !all);
            const ceilings = which === 0 ? presets : [TOP, ...presets];
            // A budget that a preset leaves out is its parent's.
            const speaks = ceilings.filter(({ permissions }) => capability !== BUDGET || permissions[BUDGET]);
            const bounds = speaks.map(({ permissions, argument_rules }) => ({
              ...NOTHING,
              permissions,
              argument_rules,
            }));
            const no = bounds.flatMap((bound) => denials(bound, { capability, resource }));
            if (allowed) expect([above, capability, resource, no]).toEqual([above, capability, resource, []]);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('an offer passes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1), root, fc.array(child, { minLength: 1, maxLength: 6 }), async (which, top, asked) => {
        const { call } = kernel({ policy: POLICIES[which]! });
        let held: string | undefined;
        for (const [at, request] of [top, ...asked].entries()) {
          const tool = at === 0 ? 'aga_create_artifact' : DELEGATE;
          const rest = at === 0 ? {} : { sub_agent_id: 's@1', parent_artifact_hash: held };
          const first = await tried(call(tool, { ...request, ...rest }));
          const offer = first instanceof Refusal ? offered(first) : undefined;
          const last = offer ? await tried(call(tool, { ...request, ...rest, ...offer })) : first;
          if (offer && last instanceof Refusal) expect([request, offer, last.body]).toBeUndefined();
          if (!(last instanceof Refusal)) held = last.child_artifact_hash ?? last.artifact_hash;
          if (held === undefined) return;
        }
      }),
      { numRuns: 400 },
    );
  });
});

const tried = (promise: Promise<any>): Promise<any> =>
  // answers of two tools
  promise.catch((error: unknown) => {
    if (error instanceof Refusal) return error;
    throw error;
  });

/** Of a refusal for scope, which always has one, with no member that the request had not. */
function offered({ code, body }: Refusal): Request | undefined {
  if (code !== 'LEASE_SUBSET_VIOLATION') return undefined;
  const { nearest_allowed: offer, excess } = body.detail as any; // as the contract has it
  expect([offer, excess]).toEqual([expect.any(Object), expect.arrayContaining([expect.any(Object)])]);
  return offer;
}
