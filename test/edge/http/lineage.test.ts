import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signer } from '#ed25519';
import { type Derivation, derive, type Presentation } from '../../../src/artifact/derive.ts';
import { toDidKey } from '../../../src/base/did-key.ts';
import { Refusal } from '../../../src/base/refusal.ts';
import { agentKey, requestProof } from '../../../src/client/index.ts';
import { seed } from '../../kernel.ts';
import { type Authority, authority, OPERATOR, type Reply } from './fixture.ts';

let site: Authority;
beforeAll(async () => {
  site = await authority();
});
afterAll(() => site.close());

const key = (name: string) => signer(seed(name));
const did = (name: string) => toDidKey(key(name).publicKey);

/** An enrolled coordinator with the key of this name, and what it can hand on. */
async function holder(
  name: string,
  changes: object = {},
): Promise<{ session: string; hash: string; shown: Presentation }> {
  const root = await site.send('POST', '/api/v1/tools/aga_create_artifact', {}, OPERATOR);
  const input = {
    parent_artifact_hash: root.json.artifact_hash,
    sub_agent_id: name,
    policy_preset: 'coordinator',
    enroll: true,
  };
  const minted = await site.send('POST', '/api/v1/tools/aga_delegate_to_subagent', { ...input, ...changes }, OPERATOR);
  const { json } = await site.enroll(minted.json.enrollment.token, name);
  return {
    session: json.sessionToken,
    hash: minted.json.child_artifact_hash,
    shown: { lineage: json.lineage, enrollments: json.enrollments },
  };
}

const child = (changes: Partial<Derivation> = {}): Derivation => ({
  subject: 'worker',
  holder: did('worker'),
  issuedAt: Date.now(),
  expiresAt: Date.now() + 600_000,
  nonce: randomBytes(16).toString('base64url'),
  ...changes,
});

/** As the holder of a key and of nothing else. */
function byKey(name: string, path: string, body: object): Promise<Reply> {
  const text = JSON.stringify(body);
  const dpop = requestProof(agentKey(seed(name)), { method: 'POST', url: `${site.url}${path}`, body: text });
  return site.send('POST', path, text, undefined, { dpop });
}

const ARTIFACTS = '/api/v1/artifacts';
const AUTHORIZE = '/api/v1/authorize';
const ACT = { capability: 'tool.call', resource: 'search/web' };
const said = ({ status, json }: Reply) => [status, json.error?.code];

describe('a child that its parent signed offline', () => {
  it('is recorded on first sight, acts, and is revoked like any other', async () => {
    const lead = await holder('lead');
    const shown = derive(lead.shown, key('lead'), child({ permissions: { 'tool.call': ['search/*'] } }));
    const first = await byKey('worker', ARTIFACTS, shown);
    expect(first.status).toBe(200);
    expect(first.json).toMatchObject({ recorded: 1, agentName: 'worker', parentRef: { name: 'lead' } });
    expect((await byKey('worker', ARTIFACTS, shown)).json.recorded).toBe(0);
    const session: string = first.json.sessionToken;
    expect((await site.send('POST', AUTHORIZE, ACT, session)).json.allowed).toBe(true);
    expect((await site.send('POST', AUTHORIZE, { ...ACT, resource: 'x/y' }, session)).json).toMatchObject({
      allowed: false,
    });
    const listed = await site.send('GET', '/api/v1/agents', undefined, lead.session);
    expect(listed.json.items.map((item: any) => [item.metadata.name, item.status.phase])).toEqual([
      ['lead', 'Active'],
      ['worker', 'Active'],
    ]);
    await site.send('DELETE', '/api/v1/agents/worker', undefined, lead.session);
    expect(said(await site.send('POST', AUTHORIZE, ACT, session))).toEqual([403, 'ARTIFACT_REVOKED']);
    expect(said(await byKey('worker', ARTIFACTS, shown))).toEqual([403, 'ARTIFACT_REVOKED']);
    expect((await byKey('worker', AUTHORIZE, { ...ACT, ...shown })).json).toMatchObject({
      error: { code: 'ARTIFACT_REVOKED' },
    });
    expect((await site.kernel.audit()).findings).toEqual([]);
  });

  it('may be shown with the question itself, two levels deep', async () => {
    const lead = await holder('lead2');
    const permissions = { 'tool.call': ['search/*'], 'agent.delegate': ['*'] };
    const middle = derive(lead.shown, key('lead2'), child({ subject: 'middle', holder: did('middle'), permissions }));
    const leaf = derive(middle, key('middle'), child({ permissions: { 'tool.call': ['search/web'] } }));
    expect((await byKey('worker', AUTHORIZE, { ...ACT, ...leaf })).json).toMatchObject({ allowed: true });
    const { json } = await site.send('GET', '/api/v1/chain?kind=DECISION&limit=500', undefined, OPERATOR);
    expect(json.entries.at(-1).event).toMatchObject({ binding: 'proof', verdict: 'permit' });
    // The coordinator may ask for what is below it; the leaf may not use what is above it.
    expect((await site.send('POST', AUTHORIZE, { ...ACT, ...leaf }, lead.session)).json.allowed).toBe(true);
    expect(said(await byKey('worker', AUTHORIZE, { ...ACT, ...middle }))).toEqual([403, 'PERMISSION_DENIED']);
    expect(said(await byKey('worker', AUTHORIZE, { ...ACT, ...lead.shown }))).toEqual([403, 'PERMISSION_DENIED']);
    const session = (await byKey('worker', ARTIFACTS, leaf)).json.sessionToken;
    for (const wider of [middle, lead.shown, { lineage: lead.shown.lineage.slice(0, 1) }]) {
      expect(said(await site.send('POST', AUTHORIZE, { ...ACT, ...wider }, session))).toEqual([
        403,
        'PERMISSION_DENIED',
      ]);
      expect(said(await site.send('POST', ARTIFACTS, wider, session))).toEqual([403, 'PERMISSION_DENIED']);
    }
    expect(said(await byKey('stranger', ARTIFACTS, leaf))).toEqual([403, 'PERMISSION_DENIED']);
    expect(said(await site.send('POST', ARTIFACTS, leaf))).toEqual([401, 'UNAUTHENTICATED']);
    expect(said(await byKey('worker', AUTHORIZE, ACT))).toEqual([401, 'UNAUTHENTICATED']);
  });

  it('counts against its parent', async () => {
    const lead = await holder('narrow', { max_children: 2 });
    const shown = [1, 2, 3].map((n) => derive(lead.shown, key('narrow'), child({ subject: `w${n}` })));
    const answers = await Promise.all(shown.map((each) => byKey('worker', ARTIFACTS, each)));
    expect(answers.map(said).filter(([status]) => status === 200)).toHaveLength(2);
    expect(answers.map(said).filter(([, code]) => code === 'FANOUT_EXCEEDED')).toHaveLength(1);
  });

  it('is judged by the whole law', async () => {
    const lead = await holder('lead3');
    const good = derive(lead.shown, key('lead3'), child());
    const leaf: any = good.lineage.at(-1);
    const forged = (changes: object) => ({ ...good, lineage: [...lead.shown.lineage, { ...leaf, ...changes }] });
    for (const [name, shown, code] of [
      ['changed', forged({ purpose: 'other' }), 'INVALID_REQUEST'],
      ['unsigned', forged({ signature: 'A'.repeat(86) }), 'INVALID_REQUEST'],
      ['a member more', forged({ extra: 1 }), 'INVALID_REQUEST'],
      ['without its parent', { lineage: [lead.shown.lineage[0], leaf] }, 'INVALID_REQUEST'],
      ['out of order', { lineage: [leaf, ...lead.shown.lineage] }, 'INVALID_REQUEST'],
      ['only the leaf', { lineage: [leaf] }, 'INVALID_REQUEST'],
      ['empty', { lineage: [] }, 'INVALID_REQUEST'],
      ['no list', { lineage: leaf }, 'INVALID_REQUEST'],
    ] as const) {
      const reply = await byKey('worker', ARTIFACTS, shown);
      expect([name, reply.status, reply.json.error.code]).toEqual([name, 400, code]);
    }
    // Signed by a key that holds nothing; of an authority that is another.
    const stranger = { ...lead.shown, enrollments: [] };
    expect(() => derive(stranger, key('lead3'), child())).toThrow(Refusal);
    const other = await authority({ keys: { authority: key('other authority'), log: key('other log') } });
    const minted = await other.coordinator();
    const { lineage } = minted.answer;
    expect(said(await byKey('worker', ARTIFACTS, { lineage }))).toEqual([403, 'PERMISSION_DENIED']);
    expect(said(await site.send('POST', ARTIFACTS, { lineage }, OPERATOR))).toEqual([404, 'ARTIFACT_NOT_FOUND']);
    await other.close();
    expect(said(await byKey('worker', ARTIFACTS, good))).toEqual([200, undefined]);
    expect((await site.kernel.audit()).findings).toEqual([]);
  });

  it('is refused by the library, too, where it would be wider', async () => {
    const lead = await holder('lead4', {
      policy_preset: undefined,
      permissions: { 'tool.call': ['a/*'], 'agent.delegate': ['*'] },
    });
    const tryTo = (changes: Partial<Derivation>) => () => derive(lead.shown, key('lead4'), child(changes));
    expect(tryTo({ permissions: { 'tool.call': ['b/c'] } })).toThrow(/hold more than its parent/);
    expect(tryTo({ maxDepth: 9 })).toThrow(/max_depth/);
    expect(tryTo({ subject: 'a@1' })).toThrow(/may not delegate/);
    expect(tryTo({ holder: 'did:key:z6Mk' })).toThrow(/did:key/);
    expect(() => derive(lead.shown, key('thief'), child())).toThrow(/not that of the holder/);
    expect(() => derive({ lineage: [], enrollments: [] }, key('lead4'), child())).toThrow(/at least one/);
    const shown = derive(lead.shown, key('lead4'), child({ expiresAt: Date.now() + 1e12 }));
    const [, parent, made]: any[] = [...shown.lineage];
    expect(made.expires_at).toBe(parent.expires_at);
  });

  it('ends with the one who signed it', async () => {
    const lead = await holder('lead5');
    const shown = derive(lead.shown, key('lead5'), child());
    await site.send(
      'POST',
      '/api/v1/tools/aga_revoke_artifact',
      { artifact_hash: lead.hash, reason: 'gone' },
      OPERATOR,
    );
    expect(said(await byKey('worker', ARTIFACTS, shown))).toEqual([403, 'ARTIFACT_REVOKED']);
    expect(said(await byKey('worker', AUTHORIZE, { ...ACT, ...shown }))).toEqual([403, 'ARTIFACT_REVOKED']);
  });
});

it('reported no fault of our own', () => {
  expect(site.reports).toEqual([]);
});
