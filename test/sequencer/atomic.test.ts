/** A request is all or nothing: what one of its events is refused for must not leave the others behind. */
import { expect, it } from 'vitest';
import type { Event } from '../../src/authority/event/index.ts';
import { kernel, kinds, refusal } from '../kernel.ts';

it.each(['before', 'after'] as const)('of several events none stands where the law refuses one: %s', async (side) => {
  const k = kernel();
  const { artifact_hash } = await k.call('aga_create_artifact', {});
  const size = (await kinds(k.store)).length;
  const revocation: Event = { kind: 'REVOCATION', artifact_hash, reason: 'half', by: null };
  const twice = k.service.askAnyone<null>({
    name: 'twice',
    caller: k.operator,
    writes: true,
    decide: () => ({ event: revocation, [side]: [revocation], tell: () => null }),
  });
  // Of the same turn, in front and behind: neither is harmed.
  const beside = Promise.all([k.call('aga_delegate_to_subagent', {}), k.call('aga_delegate_to_subagent', {})]);
  expect((await refusal(twice)).code).toBe('ARTIFACT_REVOKED');
  const [one, two] = await beside;
  expect(one.child_artifact_hash).not.toBe(two.child_artifact_hash);
  const check = { artifact_hash, capability: 'tool.call', resource: 'a/b' };
  expect((await k.call('aga_check_permission', check)).allowed).toBe(true);
  expect((await kinds(k.store)).slice(size).sort()).toEqual(['DELEGATION', 'DELEGATION', 'REFUSAL']);
  expect((await k.audit()).findings).toEqual([]);
});
