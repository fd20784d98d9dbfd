import { describe, expect, it } from 'vitest';
import { signer } from '#ed25519';
import { agentId, proveHolder } from '../../src/artifact/enrolment.ts';
import { toDidKey } from '../../src/base/did-key.ts';
import { tokensOf } from '../../src/keys/tokens.ts';
import { redeem } from '../../src/service/enrolment.ts';
import { as, KEYS, type Kernel, kernel, kinds, refusal, seed } from '../kernel.ts';

const tokens = tokensOf(KEYS.authority);
const agent = (name: string) => signer(seed(name));

async function minted(k: Kernel, name = 'worker') {
  const root = await k.call('aga_create_artifact', {});
  const child = await k.call('aga_delegate_to_subagent', {
    parent_artifact_hash: root.artifact_hash,
    sub_agent_id: name,
    enroll: true,
  });
  return { root: root.artifact_hash as string, hash: child.child_artifact_hash as string, ...child.enrollment };
}

function redeemAs(k: Kernel, token: string, key = agent('a'), changes: object = {}) {
  const tokenId = tokens.readEnrolment(token);
  if (tokenId === null) throw new Error('not a token of ours');
  const given = { tokenId, holder: toDidKey(key.publicKey), proof: proveHolder(tokenId, key) };
  return redeem(k.service, { ...given, ...changes });
}

describe('enrolment', () => {
  it('binds one key, once, and the chain says so', async () => {
    const k = kernel();
    const { hash, token } = await minted(k);
    expect(token).toMatch(/^lt-delegate-[0-9a-f]{32}\.[\w-]{43}$/);
    await redeemAs(k, token);
    const again = await redeemAs(k, token);
    expect(again.grant.hash).toBe(hash);
    expect((await kinds(k.store)).filter((kind) => kind === 'ENROLLMENT')).toHaveLength(1);
    const page = await k.call('aga_query_chain', { kind: 'ENROLLMENT' });
    const { kind, ...event } = page.entries[0].event;
    expect(event).toEqual({
      artifact_hash: hash,
      token_id: agentId(hash),
      holder: toDidKey(agent('a').publicKey),
      proof: proveHolder(agentId(hash), agent('a')),
    });
    expect((await k.audit()).findings).toEqual([]);
  });

  it('gives one winner to 50 keys at once, and the losers leave a trace that the parent sees', async () => {
    const k = kernel();
    const { root, hash, token } = await minted(k);
    const attempts = Array.from({ length: 50 }, (_, n) => redeemAs(k, token, agent(`k${n}`)));
    const settled = await Promise.allSettled(attempts);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const seen = await k.call('aga_query_chain', { kind: 'REFUSAL', limit: 100 }, as(root));
    expect(seen.entries).toHaveLength(49);
    expect(seen.entries[0].event).toMatchObject({ code: 'TOKEN_USED', artifact_hash: hash });
    expect(JSON.stringify(seen)).not.toContain(token);
    expect((await k.audit()).findings).toEqual([]);
  });

  it('does not use a token up by a wrong proof or name', async () => {
    const k = kernel();
    const { token } = await minted(k);
    const forged = proveHolder(tokens.readEnrolment(token)!, agent('b'));
    expect(await refusal(redeemAs(k, token, agent('a'), { proof: forged }))).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await refusal(redeemAs(k, token, agent('a'), { agentName: 'other' }))).toMatchObject({
      code: 'INVALID_REQUEST',
    });
    await expect(redeemAs(k, token, agent('c'), { agentName: 'worker' })).resolves.toBeDefined();
  });

  it('ends with its authority: expired, forgotten, revoked above', async () => {
    const k = kernel();
    const { root, token } = await minted(k);
    const late = await minted(k);
    await k.call('aga_revoke_artifact', { artifact_hash: root, reason: 'done' });
    expect(await refusal(redeemAs(k, token))).toMatchObject({ code: 'ARTIFACT_REVOKED' });
    k.clock.now += 1801_000;
    expect(await refusal(redeemAs(k, late.token))).toMatchObject({ code: 'LEASE_EXPIRED' });
    k.clock.now += 3600_000;
    expect(await refusal(redeemAs(k, late.token))).toMatchObject({ code: 'LEASE_EXPIRED' });
  });

  it('mints the same token for the same request, and none without being asked', async () => {
    const k = kernel();
    const root = (await k.call('aga_create_artifact', {})).artifact_hash;
    const input = { parent_artifact_hash: root, enroll: true, request_id: 'r' };
    const first = await k.call('aga_delegate_to_subagent', input);
    expect(await k.call('aga_delegate_to_subagent', input)).toEqual(first);
    const plain = await k.call('aga_delegate_to_subagent', { parent_artifact_hash: root });
    expect(plain.enrollment).toBeUndefined();
    // A secret that nobody was ever given still opens nothing.
    const derived = tokens.enrolment(plain.child_artifact_hash);
    expect(await refusal(redeemAs(k, derived))).toMatchObject({ code: 'TOKEN_INVALID' });
  });
});

describe('tokens', () => {
  it('are read only as they were made', () => {
    const hash = 'ab'.repeat(32);
    const token = tokens.enrolment(hash);
    expect(tokens.readEnrolment(token)).toBe(agentId(hash));
    const session = tokens.session({ artifact: hash, expires: 5 }, 'n');
    expect(tokens.readSession(session)).toEqual({ artifact: hash, expires: 5 });
    expect(tokensOf(KEYS.log).readEnrolment(token)).toBeNull();
    for (const bad of ['', 'x', token.slice(0, -1), `${token}A`, token.toUpperCase(), session, `${token} `]) {
      expect(tokens.readEnrolment(bad)).toBeNull();
    }
    const flipped = `${session.slice(0, 14)}${session[14] === 'A' ? 'B' : 'A'}${session.slice(15)}`;
    for (const bad of ['', token, flipped, session.slice(0, -2), session.replace('.', '..')]) {
      expect(tokens.readSession(bad)).toBeNull();
    }
  });
});
