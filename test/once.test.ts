import { expect, it } from 'vitest';
import { type Code, Refusal } from '../src/base/refusal.ts';
import { once } from '../src/once.ts';

const failing = (error: unknown) => {
  let attempts = 0;
  const made = once(async () => {
    attempts += 1;
    if (attempts === 1) throw error;
    return attempts;
  });
  return made;
};

it('makes what has succeeded, or was refused for good, no second time', async () => {
  let attempts = 0;
  const made = once(async () => ++attempts);
  expect([await made(), await made()]).toEqual([1, 1]);
  for (const code of ['TOKEN_USED', 'ARTIFACT_REVOKED', 'CHAIN_BROKEN'] satisfies Code[]) {
    const refused = failing(new Refusal(code, 'no'));
    for (let i = 0; i < 2; i++) await expect(refused()).rejects.toMatchObject({ code });
  }
});

it('tries again what a full disk, a busy chain or an accident has kept from it', async () => {
  for (const error of [new Refusal('INTERNAL', 'full'), new Refusal('CHAIN_CONTENDED', 'busy'), new Error('any')]) {
    const made = failing(error);
    await expect(made()).rejects.toBe(error);
    expect(await made()).toBe(2);
  }
});
