/** What a refusal for scope says, tried from outside: its `nearest_allowed` put into the same request must pass. */
import { describe, expect, it } from 'vitest';
import { directory } from '../scratch.ts';
import { type Host, refused, start } from './host.ts';

const operator = (): Promise<Host> => start(directory());

const UNDER = (folder: string, max: number) => [{ tool: 'fs/*', arguments: { n: { max }, path: { under: folder } } }];

describe('a delegation that asks for too much', () => {
  it.each<[string, object, object]>([
    ['permitted_tools', { permitted_tools: ['fs/read', 'net/*'] }, { permitted_tools: ['fs/read'] }],
    ['nothing in common', { permitted_tools: ['net/*'] }, { permitted_tools: [] }],
    [
      'permissions',
      { permissions: { 'tool.call': ['**'], 'fs.write': ['/ws/a'] } },
      { permissions: { 'tool.call': ['fs/*'] } },
    ],
    ['triggers', { enforcement_triggers: ['ALERT_ONLY', 'TERMINATE'] }, { enforcement_triggers: ['ALERT_ONLY'] }],
    ['measurements', { measurement_types: ['SBOM', 'TEE_QUOTE'] }, { measurement_types: ['SBOM'] }],
    ['limits', { limits: { calls: 11 } }, { limits: { calls: 10 } }],
    ['rules', { argument_rules: UNDER('/', 3) }, { argument_rules: UNDER('/ws', 3) }],
    [
      'several of them',
      { permitted_tools: ['**'], limits: { calls: 3, calls_per_minute: 9 }, enforcement_triggers: ['TERMINATE'] },
      { permitted_tools: ['fs/*'], limits: { calls: 3, calls_per_minute: 5 }, enforcement_triggers: [] },
    ],
  ])('is told the nearest that would pass, in its own members: %s', async (_, request, nearest) => {
    const server = await operator();
    await server.call('aga_create_artifact', {
      permissions: { 'tool.call': ['fs/*'], 'fs.read': ['/ws/**'] },
      measurement_types: ['SBOM'],
      limits: { calls: 10, calls_per_minute: 5 },
      argument_rules: UNDER('/ws', 10),
    });
    const no = await refused(server.call('aga_delegate_to_subagent', request));
    expect(no.code).toBe('LEASE_SUBSET_VIOLATION');
    expect(no.detail.nearest_allowed).toEqual(nearest);
    const child = await server.call('aga_delegate_to_subagent', { ...request, ...no.detail.nearest_allowed });
    expect(child.success).toBe(true);
  });

  it('is told that its depth is the matter before its scope', async () => {
    const server = await operator();
    await server.call('aga_create_artifact', { permitted_tools: ['fs/*'], max_depth: 1 });
    const no = await refused(server.call('aga_delegate_to_subagent', { permitted_tools: ['**'], max_depth: 1 }));
    expect(no.code).toBe('DEPTH_EXCEEDED');
  });
});

describe('the preset coordinator', () => {
  it.each([[{ permitted_tools: ['a/*'] }], [{ permissions: { 'tool.call': ['a/*'] } }]])(
    'may delegate, whatever else it is given by name: %j',
    async (named) => {
      const server = await operator();
      const root = await server.call('aga_create_artifact', { policy_preset: 'coordinator', ...named });
      expect(root.permissions).toEqual({ 'agent.delegate': ['*', '*@*'], 'tool.call': ['a/*'] });
      const child = await server.call('aga_delegate_to_subagent', { policy_preset: 'coordinator', ...named });
      expect(child.permissions).toEqual({ 'agent.delegate': ['*', '*@*'], 'tool.call': ['a/*'] });
      const parent_artifact_hash = child.child_artifact_hash;
      expect((await server.call('aga_delegate_to_subagent', { parent_artifact_hash })).success).toBe(true);
    },
  );

  it.each([['sandboxed'], ['isolated']])('%s may not', async (policy_preset) => {
    const server = await operator();
    await server.call('aga_create_artifact');
    const child = await server.call('aga_delegate_to_subagent', { policy_preset, permitted_tools: [] });
    expect(child.permissions).not.toHaveProperty('agent.delegate');
  });
});

describe('a preset that leaves less than the parent has', () => {
  it('is named as the reason: the parent itself has more', async () => {
    const server = await operator();
    await server.call('aga_create_artifact');
    const request = { policy_preset: 'sandboxed', permissions: { 'fs.write': ['/ws/**'] } };
    const no = await refused(server.call('aga_delegate_to_subagent', request));
    expect(no.code).toBe('LEASE_SUBSET_VIOLATION');
    expect(no.message).toContain(
      'preset "sandboxed" leaves of its parent: fs.write "/ws/**" (it leaves nothing there)',
    );
  });
});

describe('a tree whose root was revoked', () => {
  it('has no live children any more', async () => {
    const server = await operator();
    const { artifact_hash } = await server.call('aga_create_artifact');
    await server.call('aga_delegate_to_subagent');
    const children = async () =>
      (await server.call('aga_inspect', { artifact_hash, view: 'tree' })).tree.map(
        (node: { live_children: number }) => node.live_children,
      );
    expect(await children()).toEqual([1, 0]);
    await server.call('aga_revoke_artifact', { artifact_hash, reason: 'over' });
    expect(await children()).toEqual([0, 0]);
  });
});

describe('a file of evidence that is not there', () => {
  it('is refused with where to find one', async () => {
    const server = await operator();
    const no = await refused(server.call('aga_verify', { target: 'bundle', bundle_path: '/nowhere' }));
    expect([no.code, no.hint]).toEqual(['NOT_FOUND', expect.stringContaining('aga_export_evidence')]);
  });
});

describe('a binding weaker than the parent asks for', () => {
  it('is an excess like any other, with the nearest that would pass', async () => {
    const server = await operator();
    await server.call('aga_create_artifact');
    const strict = await server.call('aga_delegate_to_subagent', {
      policy_preset: 'coordinator',
      min_binding: 'process',
    });
    const request = { parent_artifact_hash: strict.child_artifact_hash, min_binding: 'bearer' };
    const no = await refused(server.call('aga_delegate_to_subagent', request));
    expect([no.code, no.detail]).toEqual([
      'LEASE_SUBSET_VIOLATION',
      {
        excess: [{ capability: 'min_binding', pattern: 'bearer', parent: ['process'] }],
        nearest_allowed: { min_binding: 'process' },
        refused_by: { artifact_hash: strict.child_artifact_hash, subject: 'sub-agent', depth: 1 },
      },
    ]);
    const child = await server.call('aga_delegate_to_subagent', { ...request, ...no.detail.nearest_allowed });
    expect(child.success).toBe(true);
  });
});

describe('a job that nobody has dispatched', () => {
  it.each(['f'.repeat(32), 'no-such-job', ''])('is not found, whatever its id looks like: "%s"', async (job_id) => {
    const server = await operator();
    for (const tool of ['aga_get_job', 'aga_cancel_job'])
      expect((await refused(server.call(tool, { job_id }))).code).toBe('JOB_NOT_FOUND');
  });
});
