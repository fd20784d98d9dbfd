import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/base/refusal.ts';
import { bound, type Caller } from '../../src/caller.ts';
import { parseCeiling, parsePresets } from '../../src/scope/preset.ts';
import type { Verdict } from '../../src/service/verdict.ts';
import { as, type Kernel, kernel, kinds, POLICY, refusal } from '../kernel.ts';

function callTool(
  { service }: Kernel,
  caller: Caller,
  tool: string,
  args?: { [name: string]: never },
): Promise<Verdict> {
  const act = { capability: 'tool.call', resource: tool, ...(args && { arguments: args }) } as const;
  return service.decide(caller, { acts: [act], tool, argumentsDigest: '', requestId: 1 }, 'enforce');
}

describe('a decision', () => {
  it('stands on the chain for every call, permitted or not, with the ancestor that said no', async () => {
    const k = kernel();
    await k.call('aga_create_artifact', { permitted_tools: ['files/*'] });
    const child = await k.call('aga_delegate_to_subagent', { permitted_tools: ['files/read'] });
    const caller = as(child.child_artifact_hash);
    expect((await callTool(k, caller, 'files/read')).code).toBe(null);
    expect((await callTool(k, caller, 'files/write')).code).toBe('PERMISSION_DENIED');
    expect((await callTool(k, caller, 'other/tool')).by?.depth).toBe(0);
    const { entries } = await k.call('aga_query_chain', { kind: 'DECISION' });
    expect(entries.map(({ event }: { event: { verdict: string } }) => event.verdict)).toEqual([
      'permit',
      'refuse',
      'refuse',
    ]);
    expect(entries[0].event).toMatchObject({ binding: 'process', request_id: 1, tool: 'files/read', mode: 'enforce' });
    expect((await k.audit()).findings).toEqual([]);
  });

  it('names the ancestor nearest the root, whichever of the acts that one refuses', async () => {
    const k = kernel();
    const may = { 'tool.call': ['files/*'], 'fs.read': ['/ws/**'] };
    await k.call('aga_create_artifact', { permissions: may });
    const child = await k.call('aga_delegate_to_subagent', { permissions: { ...may, 'tool.call': ['files/read'] } });
    const ask = async (tool: string, path: string) => {
      const acts = [
        { capability: 'tool.call', resource: tool },
        { capability: 'fs.read', resource: path },
      ] as const;
      const question = { acts, tool, argumentsDigest: '', requestId: 1 };
      const { by, lacking } = await k.service.decide(as(child.child_artifact_hash), question, 'enforce');
      return [by?.depth, lacking];
    };
    expect(await ask('files/write', '/ws/a')).toEqual([1, 'tool.call']);
    expect(await ask('files/write', '/etc')).toEqual([0, 'fs.read']);
    expect(await ask('other/write', '/etc')).toEqual([0, 'tool.call']);
    expect(await ask('files/read', '/etc')).toEqual([0, 'fs.read']);
  });

  it('is readable again whatever id the call had', async () => {
    const k = kernel();
    await k.call('aga_create_artifact', {});
    for (const requestId of [1.5, 2 ** 60, 'x'.repeat(300), `${'x'.repeat(255)}😀`, '', null]) {
      const acts = [{ capability: 'tool.call', resource: 'a/b' }] as const;
      await k.service.decide(k.operator, { acts, tool: 'a/b', argumentsDigest: '', requestId }, 'enforce');
    }
    expect((await k.audit()).findings).toEqual([]);
  });

  it('of an operator without an artifact is NO_ARTIFACT, and recorded', async () => {
    const k = kernel();
    expect((await callTool(k, k.operator, 'files/read')).code).toBe('NO_ARTIFACT');
    expect(await kinds(k.store)).toEqual(['GENESIS', 'DECISION']);
    // The same where nobody remembers the one that it had.
    await k.call('aga_create_artifact', { ttl_seconds: 60 });
    k.clock.now += 3600_000;
    expect((await callTool(k, k.operator, 'files/read')).code).toBe('NO_ARTIFACT');
    expect(await kinds(k.store)).toEqual(['GENESIS', 'DECISION', 'ARTIFACT_CREATED', 'DECISION']);
  });

  it('refuses a caller that is known too weakly', async () => {
    const k = kernel();
    const root = await k.call('aga_create_artifact', {});
    const grant = (await callTool(k, k.operator, 'a/b')).grant;
    Object.assign(grant ?? {}, { minBinding: 'proof' });
    expect((await callTool(k, as(root.artifact_hash), 'a/b')).code).toBe('PERMISSION_DENIED');
    expect((await callTool(k, bound(root.artifact_hash, 'proof'), 'a/b')).code).toBe(null);
  });

  it('tells in its own words what the asker had against the act, after the lineage has permitted it', async () => {
    const k = kernel();
    await k.call('aga_create_artifact', { permitted_tools: ['files/*'] });
    const barred = new Refusal('INVALID_REQUEST', 'The path leads out.', { hint: 'Stay inside.', detail: 1 });
    const ask = (tool: string, mode: 'enforce' | 'shadow' = 'enforce') => {
      const acts = [{ capability: 'tool.call', resource: tool }] as const;
      return k.service.decide(k.operator, { acts, tool, argumentsDigest: '', requestId: 1, barred }, mode);
    };
    for (const mode of ['enforce', 'shadow'] as const) {
      const verdict = await ask('files/read', mode);
      expect(verdict).toMatchObject({ code: 'INVALID_REQUEST', message: 'The path leads out.', by: null });
      expect(verdict.barred).toBe(barred);
    }
    expect(await ask('other/read')).toMatchObject({ code: 'PERMISSION_DENIED', barred: null });
    expect((await callTool(k, k.operator, 'files/read')).barred).toBe(null);
    expect((await k.audit()).findings).toEqual([]);
  });

  it('asks the argument rules of every ancestor', async () => {
    const k = kernel();
    await k.call('aga_create_artifact', {
      permitted_tools: ['files/*'],
      argument_rules: [{ tool: 'files/*', arguments: { path: { under: '/ws' } } }],
    });
    const child = await k.call('aga_delegate_to_subagent', { argument_rules: [] });
    const caller = as(child.child_artifact_hash);
    const call = (args: object) => callTool(k, caller, 'files/read', args as { [name: string]: never });
    expect((await call({ path: '/ws/a' })).code).toBe(null);
    expect((await call({ path: '/etc/passwd' })).code).toBe('PERMISSION_DENIED');
    expect((await call({ path: '/ws/a', extra: 1 })).code).toBe('INVALID_REQUEST');
    expect((await call({ path: ['/ws/a'] })).code).toBe('INVALID_REQUEST');
    expect((await call({})).code).toBe('INVALID_REQUEST');
  });
});

describe('limits', () => {
  it('are shared by a whole subtree: fifty siblings never exceed them, and a refused call costs nothing', async () => {
    const k = kernel();
    await k.call('aga_create_artifact', { permitted_tools: ['a/*'], limits: { calls: 20 }, max_children: 50 });
    const children = await Promise.all(
      Array.from({ length: 50 }, () => k.call('aga_delegate_to_subagent', { permitted_tools: ['a/b'] })),
    );
    for (const child of children) await callTool(k, as(child.child_artifact_hash), 'a/forbidden');
    const verdicts = await Promise.all(children.map((child) => callTool(k, as(child.child_artifact_hash), 'a/b')));
    expect(verdicts.filter(({ code }) => code === null)).toHaveLength(20);
    expect(new Set(verdicts.map(({ code }) => code))).toEqual(new Set([null, 'LIMIT_EXCEEDED']));
    const { tree } = await k.call('aga_inspect', { view: 'tree' });
    expect(tree.every((node: { limits_left: { calls: number } }) => node.limits_left.calls === 0)).toBe(true);
    const asked = { capability: 'tool.call', resource: 'a/b' };
    expect(await k.call('aga_check_permission', asked)).toMatchObject({ allowed: false, code: 'LIMIT_EXCEEDED' });
    expect((await k.audit()).findings).toEqual([]);
  });

  it('come back after a minute where they are per minute, to the call', async () => {
    const k = kernel();
    const root = await k.call('aga_create_artifact', { limits: { calls_per_minute: 2 } });
    const call = async () => (await callTool(k, as(root.artifact_hash), 'a/b')).code;
    expect([await call(), await call(), await call()]).toEqual([null, null, 'LIMIT_EXCEEDED']);
    k.clock.now += 59_999;
    expect(await call()).toBe('LIMIT_EXCEEDED');
    k.clock.now += 1;
    expect([await call(), await call(), await call()]).toEqual([null, null, 'LIMIT_EXCEEDED']);
  });

  it('of a child stay within its parent', async () => {
    const { call } = kernel();
    await call('aga_create_artifact', { limits: { calls: 5 } });
    expect((await refusal(call('aga_delegate_to_subagent', { limits: { calls: 6 } }))).code).toBe(
      'LEASE_SUBSET_VIOLATION',
    );
    expect((await call('aga_delegate_to_subagent', { limits: { calls: 5 } })).success).toBe(true);
  });
});

describe('presets', () => {
  const all = { 'tool.call': ['a/*'], 'fs.read': ['/ws/**'], 'fs.write': ['/ws/**'] };

  it('bound what a child gets, and nobody hands on a wider one', async () => {
    const { call } = kernel();
    await call('aga_create_artifact', { permissions: all });
    const coordinator = await call('aga_delegate_to_subagent', { policy_preset: 'coordinator' });
    expect(coordinator.permissions).toEqual({ ...all, 'agent.delegate': ['*', '*@*'] });
    const sandboxed = await call('aga_delegate_to_subagent', { policy_preset: 'sandboxed' });
    expect(sandboxed.permissions).toEqual({ 'tool.call': ['a/*'], 'fs.read': ['/ws/**'] });
    expect((await call('aga_delegate_to_subagent', { policy_preset: 'isolated' })).permissions).toEqual({});
    const over = await refusal(
      call('aga_delegate_to_subagent', { policy_preset: 'sandboxed', permissions: { 'fs.write': ['/ws/a'] } }),
    );
    expect(over.code).toBe('LEASE_SUBSET_VIOLATION');
    expect((await refusal(call('aga_delegate_to_subagent', { policy_preset: 'bogus' }))).code).toBe('INVALID_REQUEST');
    const narrow = parsePresets({ narrow: { permissions: { 'agent.delegate': ['*', '*@*'], 'tool.call': ['a/b'] } } });
    const other = kernel({ policy: { ...POLICY, presets: narrow } });
    await other.call('aga_create_artifact', { permissions: all });
    const child = await other.call('aga_delegate_to_subagent', { policy_preset: 'narrow' });
    const wider = await refusal(
      other.call('aga_delegate_to_subagent', { policy_preset: 'coordinator' }, as(child.child_artifact_hash)),
    );
    expect(wider.code).toBe('LEASE_SUBSET_VIOLATION');
  });
});

describe('the ceiling of all roots', () => {
  const ceiling = {
    permissions: { 'tool.call': ['a/*'] },
    limits: { calls: 3 },
    argument_rules: [{ tool: 'a/write', arguments: { text: { max_bytes: 3 } } }],
  };
  const policy = { ...POLICY, rootCeiling: parseCeiling(ceiling, 'root_ceiling') };

  it('is what a root gets that names nothing, and what no root exceeds', async () => {
    const { call } = kernel({ policy });
    const root = await call('aga_create_artifact', {});
    expect(root.permissions).toEqual({ 'agent.delegate': ['*', '*@*'], 'tool.call': ['a/*'] });
    const over = await refusal(call('aga_create_artifact', { permitted_tools: ['b/*'] }));
    expect(over.code).toBe('LEASE_SUBSET_VIOLATION');
    expect(over.message).toContain('root_ceiling');
    expect((await refusal(call('aga_create_artifact', { permissions: { 'cost.budget': ['USD:1'] } }))).code).toBe(
      'LEASE_SUBSET_VIOLATION',
    );
    expect((await call('aga_create_artifact', { permitted_tools: ['a/b'] })).permissions['tool.call']).toEqual(['a/b']);
  });

  it('keeps its rules and limits whatever a root asks for, and refuses limits above its own', async () => {
    const { call } = kernel({ policy });
    const asked = { permitted_tools: ['a/write'], argument_rules: [] };
    const root = await call('aga_create_artifact', asked);
    const { artifact } = await call('aga_inspect', { artifact_hash: root.artifact_hash });
    expect(artifact.scope.limits).toEqual({ calls: 3 });
    expect(artifact.scope.argument_rules).toEqual(ceiling.argument_rules);
    const over = await refusal(call('aga_create_artifact', { ...asked, limits: { calls: 100 } }));
    expect(over.code).toBe('LEASE_SUBSET_VIOLATION');
    expect(over.message).toContain('calls:3');
  });

  it.each(['coordinator', 'sandboxed', 'isolated'])('binds a root under the preset %s as well', async (preset) => {
    const { call } = kernel({ policy });
    const asked = { policy_preset: preset };
    const root = await call('aga_create_artifact', asked);
    const { artifact } = await call('aga_inspect', { artifact_hash: root.artifact_hash });
    expect(artifact.scope.limits).toEqual({ calls: 3 });
    expect(artifact.scope.argument_rules).toEqual(ceiling.argument_rules);
    const over = await refusal(call('aga_create_artifact', { ...asked, limits: { calls: 100 } }));
    expect([over.code, over.detail.nearest_allowed]).toEqual(['LEASE_SUBSET_VIOLATION', { limits: { calls: 3 } }]);
  });
});

describe('the money of a root under a preset', () => {
  const SPENDER = { permissions: { 'tool.call': ['**'], 'cost.budget': ['USD:3'] } };
  const presets = parsePresets({ spender: SPENDER });
  const rootCeiling = parseCeiling({ permissions: { 'tool.call': ['**'], 'cost.budget': ['USD:2'] } }, 'root_ceiling');
  const [unbounded, bounded] = [
    { ...POLICY, presets },
    { ...POLICY, presets, rootCeiling },
  ];
  const money = async (policy: typeof POLICY, policy_preset: string, asked?: string) => {
    const permissions = asked && { permissions: { 'tool.call': ['a'], 'cost.budget': [asked] } };
    const created = kernel({ policy }).call('aga_create_artifact', { policy_preset, ...permissions });
    const refused = async () => (await refusal(created)).detail.nearest_allowed.permissions;
    return created.then(({ permissions }) => permissions['cost.budget'] ?? 'none', refused);
  };

  it('is what its creator names, within a preset that names some; a ceiling bounds it too', async () => {
    for (const preset of ['coordinator', 'sandboxed']) {
      expect(await money(unbounded, preset, 'USD:5')).toEqual(['USD:5']);
      expect(await money(bounded, preset, 'USD:1')).toEqual(['USD:1']);
      expect(await money(bounded, preset, 'USD:5')).toEqual({ 'tool.call': ['a'], 'cost.budget': ['USD:2'] });
    }
    expect(await money(unbounded, 'spender', 'USD:2')).toEqual(['USD:2']);
    expect(await money(unbounded, 'spender', 'USD:5')).toEqual({ 'tool.call': ['a'], 'cost.budget': ['USD:3'] });
    expect(await money(bounded, 'spender', 'USD:3')).toEqual({ 'tool.call': ['a'], 'cost.budget': ['USD:2'] });
    expect(await money(unbounded, 'isolated', 'USD:1')).toEqual({});
  });

  it('is all of the ceiling where nothing is named, as without a preset', async () => {
    expect(await money(bounded, 'coordinator')).toEqual(['USD:2']);
    expect(await money(bounded, 'spender')).toEqual(['USD:2']);
    expect(await money(bounded, 'isolated')).toEqual([]);
    expect(await money(unbounded, 'coordinator')).toEqual('none');
  });

  it('stands in its place, as in the artifact, whatever was asked for beside it', async () => {
    const asked = { permitted_tools: ['a'], permissions: { 'x-acme.order': ['a'], 'fs.read': ['/order'] } };
    const { permissions } = await kernel().call('aga_create_artifact', asked);
    expect(Object.keys(permissions)).toEqual(['agent.delegate', 'fs.read', 'tool.call', 'x-acme.order']);
    const { permissions: bound } = await kernel({ policy: bounded }).call('aga_create_artifact', {
      policy_preset: 'coordinator',
    });
    expect(Object.keys(bound)).toEqual(['agent.delegate', 'cost.budget', 'tool.call']);
  });

  it('a coordinator may be given what a vendor names', async () => {
    const asked = { policy_preset: 'coordinator', permissions: { 'x-acme.thing': ['a'] } };
    const root = await kernel().call('aga_create_artifact', asked);
    expect(root.permissions).toEqual({ 'agent.delegate': ['*', '*@*'], 'x-acme.thing': ['a'] });
  });
});
