import { describe, expect, it } from 'vitest';
import { operator } from '../../src/caller.ts';
import { as, kernel, kinds, refusal, START } from '../kernel.ts';
import { MemoryStore } from '../store/memory.ts';

const TOOLS = ['search/*', 'filesystem/read_*'];

describe('a root', () => {
  it('holds the whole ceiling when it names nothing, and never a budget', async () => {
    const { call } = kernel();
    const root = await call('aga_create_artifact', {});
    expect(root.permissions['tool.call']).toEqual(['**']);
    expect(root.permissions['agent.delegate']).toEqual(['*', '*@*']);
    expect(root.permissions['cost.budget']).toBeUndefined();
    expect(root.subject).toBe('coordinator');
    expect(root.expires_at).toBe(new Date(START + 3600_000).toISOString());
  });

  it('holds exactly what it names, and the right to delegate', async () => {
    const { call } = kernel();
    const root = await call('aga_create_artifact', { permitted_tools: TOOLS });
    expect(Object.keys(root.permissions).sort()).toEqual(['agent.delegate', 'tool.call']);
    const named = await call('aga_create_artifact', { permissions: { 'agent.delegate': ['helper'] } });
    expect(named.permissions).toEqual({ 'agent.delegate': ['helper'] });
  });

  it('is made by the operator only', async () => {
    const { call, store } = kernel();
    const root = await call('aga_create_artifact', {});
    expect((await refusal(call('aga_create_artifact', {}, as(root.artifact_hash)))).code).toBe('NOT_OPERATOR');
    expect(await kinds(store)).toEqual(['GENESIS', 'ARTIFACT_CREATED', 'REFUSAL']);
  });
});

describe('a delegation', () => {
  it('needs an artifact', async () => {
    const no = await refusal(kernel().call('aga_delegate_to_subagent', {}));
    expect(no.code).toBe('NO_ARTIFACT');
    expect(no.message).toBe('No artifact loaded. Call aga_create_artifact first.');
  });

  it('gives what is named, and the rest of the parent only where nothing but tools are named', async () => {
    const { call } = kernel();
    await call('aga_create_artifact', {
      permissions: { 'tool.call': TOOLS, 'fs.read': ['/ws/**'], 'cost.budget': ['USD:5.00'] },
    });
    const exact = await call('aga_delegate_to_subagent', { permissions: { 'tool.call': ['search/web'] } });
    expect(exact.permissions).toEqual({ 'tool.call': ['search/web'] });
    // The budget that is not named is inherited, so it is not among what was not given; an empty one is.
    expect(exact.scope_reduction.permissions_removed).toEqual([
      'agent.delegate *',
      'agent.delegate *@*',
      'fs.read /ws/**',
    ]);
    for (const [amounts, removed] of [
      [[], ['cost.budget USD:5']],
      [['USD:5.00'], []],
      [['USD:1.00'], ['cost.budget USD:5']],
    ]) {
      const permissions = {
        'tool.call': TOOLS,
        'agent.delegate': ['*', '*@*'],
        'fs.read': ['/ws/**'],
        'cost.budget': amounts,
      };
      const child = await call('aga_delegate_to_subagent', { permissions });
      expect(child.scope_reduction.permissions_removed).toEqual(removed);
      await call('aga_revoke_artifact', { artifact_hash: child.child_artifact_hash, reason: 'seen' });
    }
    const short = await call('aga_delegate_to_subagent', { permitted_tools: ['search/web'] });
    expect(short.permissions).toEqual({ 'tool.call': ['search/web'], 'fs.read': ['/ws/**'] });
    const all = await call('aga_delegate_to_subagent', {});
    expect(all.permissions).toEqual({ 'tool.call': [...TOOLS].sort(), 'fs.read': ['/ws/**'] });
    expect(all.effective_ttl_seconds).toBe(1800);
    expect(all.scope_diminished).toBe(true);
  });

  it('is clamped to the life of its parent, and says so', async () => {
    const { call, clock } = kernel();
    await call('aga_create_artifact', { ttl_seconds: 100 });
    clock.now += 40_000;
    const child = await call('aga_delegate_to_subagent', {});
    expect(child).toMatchObject({
      ttl_clamped: true,
      effective_ttl_seconds: 60,
      expires_at: new Date(START + 100_000).toISOString(),
    });
    const brief = await call('aga_delegate_to_subagent', { requested_ttl_seconds: 10 });
    expect(brief).toMatchObject({ ttl_clamped: false, effective_ttl_seconds: 10 });
  });

  it('refuses more than the parent holds, names the excess, and what would pass passes', async () => {
    const { call, store } = kernel();
    await call('aga_create_artifact', { permitted_tools: TOOLS });
    const input = { permissions: { 'tool.call': ['search/**', 'filesystem/read_file'], 'fs.write': ['/**'] } };
    const no = await refusal(call('aga_delegate_to_subagent', input));
    expect(no.code).toBe('LEASE_SUBSET_VIOLATION');
    expect(no.detail.excess.map((each: { pattern: string }) => each.pattern).sort()).toEqual(['/**', 'search/**']);
    const next = await call('aga_delegate_to_subagent', no.detail.nearest_allowed);
    expect(next.permitted_tools).toContain('filesystem/read_file');
    expect((await kinds(store)).filter((kind) => kind === 'REFUSAL')).toHaveLength(1);
  });

  it('asks for the right to delegate first', async () => {
    const { call } = kernel();
    await call('aga_create_artifact', {
      permissions: { 'tool.call': TOOLS, 'agent.delegate': ['helper'] },
      max_depth: 1,
    });
    const no = await refusal(
      call('aga_delegate_to_subagent', { sub_agent_id: 'other', permitted_tools: ['everything/**'] }),
    );
    expect(no.code).toBe('PERMISSION_DENIED');
    const deep = await refusal(call('aga_delegate_to_subagent', { sub_agent_id: 'helper', max_depth: 1 }));
    expect(deep.code).toBe('DEPTH_EXCEEDED');
    const child = await call('aga_delegate_to_subagent', {
      sub_agent_id: 'helper',
      permissions: { 'tool.call': TOOLS, 'agent.delegate': ['helper'] },
    });
    const last = await refusal(
      call('aga_delegate_to_subagent', { sub_agent_id: 'helper' }, as(child.child_artifact_hash)),
    );
    expect(last.code).toBe('DEPTH_EXCEEDED');
  });

  it('counts live children, under concurrency too, and counts them down again', async () => {
    const { call, clock } = kernel();
    await call('aga_create_artifact', { max_children: 3 });
    const tries = await Promise.allSettled(
      Array.from({ length: 10 }, () => call('aga_delegate_to_subagent', { ttl_seconds: 60 })),
    );
    const good = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(good).toHaveLength(3);
    expect((await refusal(call('aga_delegate_to_subagent', {}))).code).toBe('FANOUT_EXCEEDED');
    await call('aga_revoke_artifact', { artifact_hash: good[0].child_artifact_hash, reason: 'done' });
    await call('aga_delegate_to_subagent', { ttl_seconds: 600 });
    clock.now += 61_000;
    await call('aga_delegate_to_subagent', {});
    await call('aga_delegate_to_subagent', {});
    expect((await refusal(call('aga_delegate_to_subagent', {}))).code).toBe('FANOUT_EXCEEDED');
  });

  it.each([
    [{ ttl_seconds: 0 }],
    [{ ttl_seconds: -5 }],
    [{ ttl_seconds: 1.5 }],
    [{ ttl_seconds: 315_360_001 }],
    [{ ttl_seconds: '60' }],
    [{ ttl_seconds: 60, requested_ttl_seconds: 61 }],
    [{ delegation_reason: 'a', delegation_purpose: 'b' }],
    [{ sub_agent_id: '' }],
    [{ sub_agent_id: 'a/b' }],
    [{ sub_agent_id: 7 }],
    [{ bogus: true }],
    [{ permitted_tools: [''] }],
    [{ permitted_tools: ['a//b'] }],
    [{ permitted_tools: Array.from({ length: 10_000 }, (_, index) => `t/${index}`) }],
    [{ permissions: { 'made.up': ['x'] } }],
    [{ permissions: { 'tool.call': ['a/b'] }, permitted_tools: ['a/c'] }],
    [{ enforcement_triggers: ['SHOUT'] }],
    [{ parent_artifact_hash: 'xyz' }],
    [{ request_id: '' }],
    [{ max_depth: 33 }],
    [{ max_children: -1 }],
  ])('refuses %j as INVALID_REQUEST and writes nothing', async (input) => {
    const { call, store } = kernel();
    await call('aga_create_artifact', {});
    expect((await refusal(call('aga_delegate_to_subagent', input))).code).toBe('INVALID_REQUEST');
    expect(await kinds(store)).toEqual(['GENESIS', 'ARTIFACT_CREATED']);
  });
});

describe('revocation', () => {
  it('ends the subtree with one entry, for its holder too', async () => {
    const { call, store } = kernel();
    const root = await call('aga_create_artifact', {});
    const child = await call('aga_delegate_to_subagent', {
      permissions: { 'tool.call': ['**'], 'agent.delegate': ['*'] },
    });
    const grandchild = await call(
      'aga_delegate_to_subagent',
      { permitted_tools: ['a/b'] },
      as(child.child_artifact_hash),
    );
    const dry = await call('aga_revoke_artifact', {
      artifact_hash: child.child_artifact_hash,
      reason: 'x',
      dry_run: true,
    });
    expect(dry).toMatchObject({ revoked_count: 2, chain: null });
    const cut = await call('aga_revoke_artifact', { artifact_hash: child.child_artifact_hash, reason: 'x' });
    expect(cut.revoked).toEqual([child.child_artifact_hash, grandchild.child_artifact_hash]);
    const again = await call('aga_revoke_artifact', { artifact_hash: grandchild.child_artifact_hash, reason: 'x' });
    expect(again).toMatchObject({ already_revoked: true, revoked: [], revoked_count: 0, chain: cut.chain });
    expect((await kinds(store)).filter((kind) => kind === 'REVOCATION')).toHaveLength(1);
    for (const tool of ['aga_delegate_to_subagent', 'aga_inspect', 'aga_query_chain', 'aga_verify']) {
      expect((await refusal(call(tool, {}, as(grandchild.child_artifact_hash)))).code).toBe('ARTIFACT_REVOKED');
    }
    const check = { artifact_hash: grandchild.child_artifact_hash, capability: 'tool.call', resource: 'a/b' };
    expect(await call('aga_check_permission', check)).toMatchObject({
      allowed: false,
      code: 'ARTIFACT_REVOKED',
      refused_by: { artifact_hash: child.child_artifact_hash, depth: 1 },
    });
    expect((await call('aga_check_permission', { ...check, artifact_hash: root.artifact_hash })).allowed).toBe(true);
  });

  it('reaches no foreign artifact, and says the same for one that never was', async () => {
    const { call } = kernel();
    const root = await call('aga_create_artifact', {});
    const [one, two] = [await call('aga_delegate_to_subagent', {}), await call('aga_delegate_to_subagent', {})];
    const answers: string[] = [];
    for (const artifact_hash of [two.child_artifact_hash, root.artifact_hash, 'f'.repeat(64)]) {
      for (const [tool, input] of [
        ['aga_revoke_artifact', { artifact_hash, reason: 'x' }],
        ['aga_inspect', { artifact_hash }],
        ['aga_check_permission', { artifact_hash, capability: 'tool.call', resource: 'a/b' }],
        ['aga_query_chain', { artifact_hash }],
        ['aga_delegate_to_subagent', { parent_artifact_hash: artifact_hash }],
      ] as const) {
        answers.push(JSON.stringify(await refusal(call(tool, input, as(one.child_artifact_hash)))));
      }
    }
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('ARTIFACT_NOT_FOUND');
  });

  it('shows a bound session its own subtree, and of its ancestors only hash, subject and depth', async () => {
    const { call } = kernel();
    await call('aga_create_artifact', { subject: 'lead' });
    const one = await call('aga_delegate_to_subagent', {
      permissions: { 'agent.delegate': ['*'], 'tool.call': ['**'] },
    });
    await call('aga_delegate_to_subagent', { sub_agent_id: 'sibling' });
    const caller = as(one.child_artifact_hash);
    await call('aga_delegate_to_subagent', { sub_agent_id: 'grandchild' }, caller);
    const { entries } = await call('aga_query_chain', {}, caller);
    expect(entries.map(({ sequence_number }: { sequence_number: number }) => sequence_number)).toEqual([2, 4]);
    const { lineage } = await call('aga_inspect', { view: 'lineage' }, caller);
    expect(lineage.map((link: object) => Object.keys(link).length)).toEqual([3, 5]);
    const { tree, drawing } = await call('aga_inspect', { view: 'tree' }, caller);
    expect(tree).toHaveLength(2);
    expect(drawing).not.toContain('lead');
  });
});

describe('expiry', () => {
  it('is decided at use, without a sweeper, down the whole lineage', async () => {
    const { call, clock } = kernel();
    await call('aga_create_artifact', { ttl_seconds: 60 });
    const child = await call('aga_delegate_to_subagent', {});
    clock.now += 60_000;
    expect((await refusal(call('aga_inspect', {}, as(child.child_artifact_hash)))).code).toBe('LEASE_EXPIRED');
    expect((await refusal(call('aga_delegate_to_subagent', {}))).code).toBe('LEASE_EXPIRED');
  });

  it('is what a session is told that has outlived its artifact, however long ago that was', async () => {
    const { call, clock } = kernel();
    await call('aga_create_artifact', {});
    const { child_artifact_hash } = await call('aga_delegate_to_subagent', { ttl_seconds: 60 });
    const [known, unknown] = [as(child_artifact_hash), as(child_artifact_hash)];
    await call('aga_inspect', {}, known);
    clock.now += 3600_000;
    expect((await refusal(call('aga_inspect', {}, known))).code).toBe('LEASE_EXPIRED');
    expect((await refusal(call('aga_inspect', {}, unknown))).code).toBe('ARTIFACT_NOT_FOUND');
  });
});

describe('request_id', () => {
  it('finds the first answer again, and refuses another input', async () => {
    const { call, store } = kernel();
    await call('aga_create_artifact', {});
    const first = await call('aga_delegate_to_subagent', { request_id: 'r1', ttl_seconds: 99 });
    expect(await call('aga_delegate_to_subagent', { request_id: 'r1', ttl_seconds: 99 })).toEqual(first);
    expect((await refusal(call('aga_delegate_to_subagent', { request_id: 'r1', ttl_seconds: 98 }))).code).toBe(
      'DUPLICATE_KEY',
    );
    expect((await call('aga_create_artifact', { request_id: 'r1' })).success).toBe(true);
    expect((await kinds(store)).filter((kind) => kind === 'DELEGATION')).toHaveLength(1);
  });

  it('is one child when fifty ask at once', async () => {
    const { call, store } = kernel();
    await call('aga_create_artifact', {});
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => call('aga_delegate_to_subagent', { request_id: 'same' })),
    );
    expect(new Set(answers.map((each) => each.child_artifact_hash)).size).toBe(1);
    expect((await kinds(store)).filter((kind) => kind === 'DELEGATION')).toHaveLength(1);
  });

  it('is asked for only after the right to ask', async () => {
    const { call } = kernel();
    await call('aga_create_artifact', {});
    const child = await call('aga_delegate_to_subagent', { permissions: { 'agent.delegate': ['*'] } });
    const caller = as(child.child_artifact_hash);
    await call('aga_delegate_to_subagent', { request_id: 'r' }, caller);
    await call('aga_revoke_artifact', { artifact_hash: child.child_artifact_hash, reason: 'x' });
    expect((await refusal(call('aga_delegate_to_subagent', { request_id: 'r' }, caller))).code).toBe(
      'ARTIFACT_REVOKED',
    );
  });

  it('is understood by a session that was started anew as by the one before', async () => {
    const { call } = kernel();
    const root = await call('aga_create_artifact', {});
    const first = await call('aga_delegate_to_subagent', { request_id: 'r' });
    const anew = operator();
    expect(await call('aga_delegate_to_subagent', { request_id: 'r' }, anew)).toEqual(first);
    const other = refusal(call('aga_delegate_to_subagent', { request_id: 'r', sub_agent_id: 'other' }, anew));
    expect((await other).code).toBe('DUPLICATE_KEY');
    for (const input of [{}, { request_id: 'unused' }]) {
      expect((await refusal(call('aga_delegate_to_subagent', input, anew))).code).toBe('NO_ARTIFACT');
    }
    await call('aga_revoke_artifact', { artifact_hash: root.artifact_hash, reason: 'x' });
    const ended = refusal(call('aga_delegate_to_subagent', { request_id: 'r' }, anew));
    expect((await ended).code).toBe('ARTIFACT_REVOKED');
  });
});

describe('a tree that is too large to show', () => {
  it('shows what lives before what has ended, and says how much is not there', async () => {
    const { call } = kernel();
    const root = await call('aga_create_artifact', { max_children: 1000 });
    const child = async (): Promise<string> => (await call('aga_delegate_to_subagent', {})).child_artifact_hash;
    for (let i = 0; i < 198; i++) {
      await call('aga_revoke_artifact', { artifact_hash: await child(), reason: 'done' });
    }
    const living = [await child(), await child(), await child()];
    const { tree, drawing } = await call('aga_inspect', { view: 'tree' });
    expect(tree).toHaveLength(200);
    const active = tree.filter(({ status }: { status: string }) => status === 'active');
    expect(active.map((node: { artifact_hash: string }) => node.artifact_hash)).toEqual([
      root.artifact_hash,
      ...living,
    ]);
    expect(drawing).toMatch(/^● coordinator .*\n… and 2 more$/s);
  });
});

describe("an operator's session", () => {
  it('means the root that it has just asked for, whoever does not wait for the answer', async () => {
    const { call } = kernel();
    const [one, first, tree, two, second] = await Promise.all([
      call('aga_create_artifact', { subject: 'one' }),
      call('aga_delegate_to_subagent', {}),
      call('aga_inspect', { view: 'tree' }),
      call('aga_create_artifact', { subject: 'two' }),
      call('aga_delegate_to_subagent', {}),
    ]);
    expect(first.parent_artifact_hash).toBe(one.artifact_hash);
    expect(tree.artifact_hash).toBe(one.artifact_hash);
    expect(second.parent_artifact_hash).toBe(two.artifact_hash);
  });

  it('means the last root that it made, not one that it asks for again', async () => {
    const { call } = kernel();
    const asked = { subject: 'one', request_id: 'r' };
    const one = await call('aga_create_artifact', asked);
    const two = await call('aga_create_artifact', { subject: 'two' });
    const [again, child] = await Promise.all([
      call('aga_create_artifact', asked),
      call('aga_delegate_to_subagent', {}),
    ]);
    expect(again).toEqual(one);
    expect(child.parent_artifact_hash).toBe(two.artifact_hash);
    expect((await call('aga_inspect', {})).artifact_hash).toBe(two.artifact_hash);
  });

  it('has the root that it asks for again, where it was started anew', async () => {
    const { call } = kernel();
    const asked = { subject: 'one', request_id: 'r' };
    const one = await call('aga_create_artifact', asked);
    await call('aga_create_artifact', { subject: 'two' });
    const anew = operator();
    const [, child] = await Promise.all([
      call('aga_create_artifact', asked, anew),
      call('aga_delegate_to_subagent', {}, anew),
    ]);
    expect(child.parent_artifact_hash).toBe(one.artifact_hash);
    expect(anew.session.lastRoot).toBe(one.artifact_hash);
  });

  it('is told that its root has expired, also when nobody remembers that one, and sees those that live', async () => {
    const { call, clock } = kernel();
    const { artifact_hash } = await call('aga_create_artifact', { ttl_seconds: 60 });
    clock.now += 3600_000;
    const other = await call('aga_create_artifact', { subject: 'other' }, operator());
    expect((await refusal(call('aga_delegate_to_subagent', {}))).code).toBe('LEASE_EXPIRED');
    const { tree } = await call('aga_inspect', { view: 'tree' });
    expect(tree.map((node: { artifact_hash: string }) => node.artifact_hash)).toEqual([other.artifact_hash]);
    expect((await call('aga_inspect', {})).artifact_hash).toBe(artifact_hash);
    expect((await call('aga_export_evidence', {})).entries).toBe(2);
  });

  it('keeps the root that it has where the next could not be written', async () => {
    const store = new MemoryStore();
    const { call } = kernel({ store });
    const one = await call('aga_create_artifact', { subject: 'one' });
    const commit = store.commit.bind(store);
    store.commit = (size, decide) =>
      commit(size, (...given) => {
        decide(...given);
        throw new Error('the disk is full');
      });
    expect((await refusal(call('aga_create_artifact', { subject: 'two' }))).code).toBe('CHAIN_CONTENDED');
    store.commit = commit;
    expect((await call('aga_delegate_to_subagent', {})).parent_artifact_hash).toBe(one.artifact_hash);
  });
});

describe('refusals of one caller', () => {
  it('are recorded sixty times a minute', async () => {
    const { call, store, clock } = kernel();
    await call('aga_create_artifact', { permitted_tools: ['a/b'] });
    for (let i = 0; i < 70; i++) await refusal(call('aga_delegate_to_subagent', { permitted_tools: ['c/d'] }));
    expect((await kinds(store)).filter((kind) => kind === 'REFUSAL')).toHaveLength(60);
    clock.now += 60_000;
    await refusal(call('aga_delegate_to_subagent', { permitted_tools: ['c/d'] }));
    expect((await kinds(store)).filter((kind) => kind === 'REFUSAL')).toHaveLength(61);
  });
});
