import { describe, expect, it } from 'vitest';
import { seal } from '../../src/artifact/artifact.ts';
import { agentKey, freshSeed } from '../../src/client/key.ts';
import { Enforcement } from '../../src/service/enforcement.ts';
import { present } from '../../src/service/presentation.ts';
import { as, KEYS, kernel, kinds, refusal } from '../kernel.ts';

const DIGEST = { a: 'a'.repeat(64), b: 'b'.repeat(64) };

async function lineage(duties: readonly string[]) {
  const k = kernel();
  const root = await k.call('aga_create_artifact', { enforcement_triggers: duties });
  const all = { 'tool.call': ['**'], 'agent.delegate': ['*'], 'net.fetch': ['**'] };
  const child = await k.call('aga_delegate_to_subagent', { permissions: all, enforcement_triggers: [] });
  const grandchild = await k.call('aga_delegate_to_subagent', { permissions: all }, as(child.child_artifact_hash));
  const hashes = {
    root: root.artifact_hash,
    child: child.child_artifact_hash,
    grandchild: grandchild.child_artifact_hash,
  };
  const may = async (artifact_hash: string, resource = 'a/b', capability = 'tool.call') =>
    (await k.call('aga_check_permission', { artifact_hash, capability, resource })).code;
  return { ...k, ...hashes, may, enforcement: new Enforcement(k.service, 3) };
}

describe('drift', () => {
  it('is a digest that differs from the first one, whoever measured that', async () => {
    const { enforcement, child, grandchild, store, audit } = await lineage(['ALERT_ONLY']);
    const measure = (artifact: string, digest: string | null) =>
      enforcement.measure(artifact, { type: 'CONFIG_MANIFEST', subject: 'files', digest });
    expect(await measure(child, DIGEST.a)).toBe(false);
    expect(await measure(grandchild, DIGEST.a)).toBe(false);
    expect(await measure(grandchild, DIGEST.b)).toBe(true);
    expect(await measure(child, null)).toBe(false);
    expect((await kinds(store)).slice(4)).toEqual([
      'MEASUREMENT',
      'MEASUREMENT',
      'MEASUREMENT',
      'TRIGGER',
      'MEASUREMENT',
    ]);
    expect((await audit()).findings).toEqual([]);
  });

  it('is what the configuration says it is, also after the first use', async () => {
    const { enforcement, child, may, store, audit } = await lineage(['QUARANTINE']);
    const seen = { type: 'CONFIG_MANIFEST', subject: 'files' };
    await enforcement.measure(child, { ...seen, digest: DIGEST.a });
    expect(await enforcement.measure(child, { ...seen, digest: DIGEST.b, expected: DIGEST.b })).toBe(false);
    expect(await may(child)).toBe(null);
    expect(await enforcement.measure(child, { ...seen, digest: DIGEST.a, expected: DIGEST.b })).toBe(true);
    expect(await may(child)).toBe('SUSPENDED');
    expect((await kinds(store)).filter((kind) => kind === 'MEASUREMENT')).toHaveLength(3);
    expect((await audit()).findings).toEqual([]);
  });

  it('is what has a pin and cannot be measured any more, not what never was measured', async () => {
    const { enforcement, child, may, store, audit } = await lineage(['QUARANTINE']);
    const seen = { type: 'FILE_SYSTEM_STATE', subject: 'files', digest: null };
    const large = { ...seen, lost: 'too large to be measured' };
    expect(await enforcement.measure(child, large)).toBe(false);
    expect(await may(child)).toBe(null);
    await enforcement.measure(child, { ...seen, digest: DIGEST.a });
    expect(await enforcement.measure(child, seen)).toBe(false);
    expect(await enforcement.measure(child, large)).toBe(true);
    expect(await may(child)).toBe('SUSPENDED');
    const expected = { ...large, subject: 'others', expected: DIGEST.a };
    expect(await enforcement.measure(child, expected)).toBe(true);
    expect((await kinds(store)).filter((kind) => kind === 'MEASUREMENT')).toHaveLength(5);
    expect((await audit()).findings).toEqual([]);
  });

  it('is found at once against a configured digest', async () => {
    const { enforcement, child } = await lineage([]);
    const seen = { type: 'EXECUTABLE_IMAGE', subject: 'files', digest: DIGEST.b, expected: DIGEST.a };
    expect(await enforcement.measure(child, seen)).toBe(true);
  });
});

describe('a duty of any ancestor applies to its descendants', () => {
  it('QUARANTINE suspends the artifact alone, until the operator resumes it', async () => {
    const { enforcement, child, grandchild, may, call, operator } = await lineage(['QUARANTINE']);
    await enforcement.fire(child, 'test');
    expect(await may(child)).toBe('SUSPENDED');
    expect(await may(grandchild)).toBe(null);
    expect((await refusal(call('aga_delegate_to_subagent', {}, as(child)))).code).toBe('SUSPENDED');
    await expect(enforcement.resume(as(child), child)).rejects.toThrow('operator');
    await enforcement.resume(operator, child);
    expect(await may(child)).toBe(null);
  });

  it('SAFE_STATE suspends the subtree, and QUARANTINE does not lessen that', async () => {
    const { enforcement, child, grandchild, root, may } = await lineage(['QUARANTINE', 'SAFE_STATE']);
    await enforcement.fire(child, 'test');
    await enforcement.fire(child, 'test');
    expect([await may(root), await may(child), await may(grandchild)]).toEqual([null, 'SUSPENDED', 'SUSPENDED']);
  });

  it.each(['TERMINATE', 'TOKEN_INVALIDATE'])('%s revokes', async (duty) => {
    const { enforcement, child, grandchild, may } = await lineage([duty]);
    await enforcement.fire(child, 'test');
    expect([await may(child), await may(grandchild)]).toEqual(['ARTIFACT_REVOKED', 'ARTIFACT_REVOKED']);
  });

  it('KEY_REVOKE bans the key of the holder: nothing is given to it again', async () => {
    const { enforcement, call, may, service, operator, root } = await lineage(['KEY_REVOKE']);
    const asked = { holder_public_key: agentKey(freshSeed()).id };
    const { child_artifact_hash: held } = await call('aga_delegate_to_subagent', asked);
    await enforcement.fire(held, 'test');
    expect(await may(held)).toBe('ARTIFACT_REVOKED');
    expect((await refusal(call('aga_delegate_to_subagent', asked))).code).toBe('PERMISSION_DENIED');
    const artifactOf = async (artifact_hash: string) => (await call('aga_inspect', { artifact_hash })).artifact;
    const top = await artifactOf(root);
    const { signature: _, ...again } = await artifactOf(held);
    const { artifact } = seal({ ...again, nonce: top.nonce }, KEYS.authority);
    const shown = present(service, { lineage: [top, artifact] }, { caller: operator, signedBy: null });
    expect((await refusal(shown)).code).toBe('PERMISSION_DENIED');
  });

  it('what has ended for good is not resumed, and not said to be', async () => {
    const { enforcement, child, grandchild, store, operator } = await lineage(['TERMINATE']);
    await enforcement.fire(child, 'test');
    for (const hash of [child, grandchild])
      expect((await refusal(enforcement.resume(operator, hash))).code).toBe('ARTIFACT_REVOKED');
    expect((await kinds(store)).filter((kind) => kind === 'TRIGGER')).toHaveLength(1);
  });

  it('NETWORK_ISOLATE takes net.fetch from the subtree and nothing else', async () => {
    const { enforcement, child, grandchild, root, may } = await lineage(['NETWORK_ISOLATE']);
    await enforcement.fire(child, 'test');
    expect(await may(grandchild, 'https://example.com/', 'net.fetch')).toBe('PERMISSION_DENIED');
    expect(await may(root, 'https://example.com/', 'net.fetch')).toBe(null);
    expect(await may(grandchild)).toBe(null);
  });
});

it('nothing is fired in shadow mode but what tells', async () => {
  const { service, child, may, store } = await lineage(['ALERT_ONLY', 'TERMINATE']);
  const shadow = new Enforcement(service, 3, 'shadow');
  const seen = { type: 'CONFIG_MANIFEST', subject: 'files', digest: DIGEST.b, expected: DIGEST.a };
  expect(await shadow.measure(child, seen)).toBe(true);
  expect((await kinds(store)).slice(-2)).toEqual(['MEASUREMENT', 'TRIGGER']);
  expect(await may(child)).toBe(null);
});

describe('too many refusals in a minute', () => {
  it('fire every duty once when many notice at the same moment', async () => {
    const { enforcement, child, call, store, audit } = await lineage(['ALERT_ONLY', 'QUARANTINE']);
    for (let i = 0; i < 6; i++) await refusal(call('aga_create_artifact', {}, as(child)));
    await Promise.all(Array.from({ length: 20 }, () => enforcement.refused(child)));
    expect((await kinds(store)).filter((kind) => kind === 'TRIGGER')).toHaveLength(2);
    expect((await audit()).findings).toEqual([]);
  });

  it('fire the duties once, however many more there are', async () => {
    const { enforcement, child, call, store } = await lineage(['ALERT_ONLY']);
    for (let i = 0; i < 6; i++) {
      await refusal(call('aga_create_artifact', {}, as(child)));
      await enforcement.refused(child);
    }
    expect((await kinds(store)).filter((kind) => kind === 'TRIGGER')).toHaveLength(1);
  });
});
