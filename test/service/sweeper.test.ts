import { expect, it } from 'vitest';
import { sweep } from '../../src/service/sweeper.ts';
import { kernel } from '../kernel.ts';

it('writes each expiry once, whoever sweeps, and none for what was revoked before', async () => {
  const k = kernel();
  const root = (await k.call('aga_create_artifact', { ttl_seconds: 100 })).artifact_hash;
  const child = async (ttl_seconds: number) =>
    (await k.call('aga_delegate_to_subagent', { parent_artifact_hash: root, ttl_seconds }))
      .child_artifact_hash as string;
  const [early, revoked, late] = [await child(10), await child(10), await child(1000)];
  await k.call('aga_revoke_artifact', { artifact_hash: revoked, reason: 'done' });
  await sweep(k.service);
  const expiries = async (): Promise<string[]> => {
    const { entries } = await k.call('aga_query_chain', { kind: 'EXPIRY' });
    return entries.map(({ event }: { event: { artifact_hash: string } }) => event.artifact_hash);
  };
  expect(await expiries()).toEqual([]);
  k.clock.now += 10_000;
  await Promise.all([sweep(k.service), sweep(k.service), sweep(k.service)]);
  expect(await expiries()).toEqual([early]);
  k.clock.now += 90_000;
  await sweep(k.service);
  await sweep(k.service);
  expect(new Set(await expiries())).toEqual(new Set([early, root, late]));
  expect(await expiries()).toHaveLength(3);
  k.clock.now += 3600_000;
  await sweep(k.service);
  expect(await expiries()).toHaveLength(3);
  expect((await k.audit()).findings).toEqual([]);
});
