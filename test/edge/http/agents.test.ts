import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePresets } from '../../../src/scope/preset.ts';
import { POLICY } from '../../kernel.ts';
import { type Authority, authority, type Enrolled, OPERATOR } from './fixture.ts';

let site: Authority;
let lead: Enrolled;
const mint = (body: object, token = lead.session, id = lead.id) =>
  site.send('POST', `/api/v1/agents/${id}/delegate`, body, token);

beforeAll(async () => {
  site = await authority();
  lead = await site.coordinator();
});
afterAll(() => site.close());

describe('delegate', () => {
  it('mints a token for a sub-agent, which redeems it', async () => {
    const { status, json } = await mint({ subAgentName: 'worker', ttl: '30m', policyPreset: 'sandboxed' });
    expect(status).toBe(200);
    expect(json.enrollmentToken).toMatch(/^lt-delegate-[0-9a-f]{32}\.[\w-]{43}$/);
    expect(json.parentRef).toEqual({ name: 'coordinator', namespace: 'default' });
    expect(Date.parse(json.expiresAt) - Date.now()).toBeGreaterThan(1_795_000);
    const pending = await site.send('GET', '/api/v1/agents/worker', undefined, lead.session);
    expect(pending.json.status.phase).toBe('Pending');
    const redeemed = await site.enroll(json.enrollmentToken, 'worker', { agentName: 'worker' });
    expect(redeemed.status).toBe(200);
    expect(redeemed.json).toMatchObject({ agentName: 'worker', policyPreset: 'sandboxed', expiresAt: json.expiresAt });
    expect(redeemed.json.lineage.map(({ depth }: { depth: number }) => depth)).toEqual([0, 1, 2]);
    expect(redeemed.json.artifact).toEqual(redeemed.json.lineage[2]);
    expect(redeemed.json.enrollments).toHaveLength(2);
    const active = await site.send('GET', `/api/v1/agents/${json.agentId}`, undefined, lead.session);
    expect(active.json).toMatchObject({
      kind: 'AgentIdentity',
      metadata: { name: 'worker', namespace: 'default', uid: json.agentId },
      spec: { parentRef: { name: 'coordinator' }, ttl: '30m', policyPreset: 'sandboxed' },
      status: { phase: 'Active', expiresAt: json.expiresAt },
    });
    // What it may, and that it may not hand on.
    const may = (capability: string, resource: string) =>
      site.send('POST', '/api/v1/authorize', { capability, resource }, redeemed.json.sessionToken);
    expect((await may('tool.call', 'search/web')).json).toMatchObject({ allowed: true, code: null });
    expect((await may('fs.write', '/etc/passwd')).json).toMatchObject({ allowed: false, code: 'PERMISSION_DENIED' });
    const on = await mint({ subAgentName: 'sub' }, redeemed.json.sessionToken, json.agentId);
    expect([on.status, on.json.error.code]).toEqual([403, 'PERMISSION_DENIED']);
  });

  it('clamps a long ttl, counts the default from minting, and takes a name once while it lives', async () => {
    const clamped = await mint({ subAgentName: 'long', ttl: '1000000h' });
    expect(clamped.json).toMatchObject({ ttlClamped: true, expiresAt: lead.answer.expiresAt });
    const plain = await mint({ subAgentName: 'plain' });
    expect(Math.round((Date.parse(plain.json.expiresAt) - Date.now()) / 1000)).toBeLessThanOrEqual(900);
    expect(plain.json.policyPreset).toBe('sandboxed');
    const again = await mint({ subAgentName: 'plain' });
    expect([again.status, again.json.error.code]).toEqual([409, 'NAME_TAKEN']);
    await site.send('DELETE', '/api/v1/agents/plain', undefined, lead.session);
    expect((await mint({ subAgentName: 'plain' })).status).toBe(200);
  });

  it('lets one of many at once have a name, and answers a repeated request with the first answer', async () => {
    const same = await Promise.all(Array.from({ length: 20 }, () => mint({ subAgentName: 'race' })));
    expect(same.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(same.filter(({ status }) => status === 409)).toHaveLength(19);
    const first = await mint({ subAgentName: 'once', requestId: 'r1' });
    expect((await mint({ subAgentName: 'once', requestId: 'r1' })).text).toBe(first.text);
  });

  it('refuses more than the parent has, unknown presets and what no duration says', async () => {
    const wide = await mint({ subAgentName: 'wide', permissions: { 'cost.budget': ['USD:1.00'] } });
    expect([wide.status, wide.json.error.code]).toEqual([403, 'LEASE_SUBSET_VIOLATION']);
    const preset = await mint({ subAgentName: 'wide', policyPreset: 'root' });
    expect([preset.status, preset.json.error.code]).toEqual([400, 'INVALID_REQUEST']);
    for (const ttl of [
      '0',
      '0s',
      '-5m',
      '+5m',
      '30',
      '1d',
      '1e9h',
      '',
      ' 5m',
      '5 m',
      '999ms',
      '9999999h',
      'h',
      '.s',
      30,
      null,
    ]) {
      const { status, json } = await mint({ subAgentName: 'bad', ttl });
      expect([ttl, status, json.error.code]).toEqual([ttl, 400, 'INVALID_REQUEST']);
    }
    for (const ttl of ['90s', '1h30m', '1.5h', '.5h', '1500ms', '1000000us']) {
      expect([ttl, (await mint({ subAgentName: `t${ttl.replaceAll(/\W/g, '-')}`, ttl })).status]).toEqual([ttl, 200]);
    }
    for (const subAgentName of ['', 'A', 'a_b', '-a', 'a-', 'a.b', 'a'.repeat(64), 'ä', 'a b', 7, null, undefined]) {
      expect([subAgentName, (await mint({ subAgentName })).status]).toEqual([subAgentName, 400]);
    }
    expect((await mint({ subAgentName: 'x', extra: 1 })).status).toBe(400);
  });

  it('is found by its artifact, too, as the tools name it', async () => {
    const { json } = await mint({ subAgentName: 'hashed' }, lead.session, lead.hash);
    const at = `/api/v1/agents/${json.artifactHash}`;
    expect((await site.send('GET', at, undefined, lead.session)).json.metadata.name).toBe('hashed');
    const stranger = await site.coordinator();
    expect((await site.send('GET', at, undefined, stranger.session)).status).toBe(404);
    expect((await site.send('DELETE', at, undefined, stranger.session)).status).toBe(404);
    expect((await site.send('DELETE', at, undefined, lead.session)).json.revoked).toEqual([json.artifactHash]);
  });

  it('tells nobody whether another agent exists', async () => {
    const other = await site.coordinator();
    const { json } = await mint({ subAgentName: 'victim' });
    const said = await Promise.all([
      mint({ subAgentName: 'x' }, lead.session, other.id),
      mint({ subAgentName: 'x' }, lead.session, 'f'.repeat(32)),
      mint({ subAgentName: 'x' }, lead.session, json.agentId),
      mint({ subAgentName: 'x' }, lead.session, 'nobody'),
      mint({ subAgentName: 'x' }, OPERATOR, lead.id),
      mint({ subAgentName: 'x' }, OPERATOR, 'nobody'),
    ]);
    expect(new Set(said.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(said[0]).toMatchObject({ status: 403, json: { error: { code: 'PERMISSION_DENIED' } } });
    const { entries } = (await site.send('GET', '/api/v1/chain?kind=REFUSAL&limit=500', undefined, OPERATOR)).json;
    expect(
      entries
        .slice(-6)
        .map(({ event }: any) => [event.code, event.binding].join())
        .sort(),
    ).toEqual([...Array(4).fill('PERMISSION_DENIED,bearer'), ...Array(2).fill('PERMISSION_DENIED,operator')]);
    for (const [method, path, body] of [
      ['GET', (id: string) => `/api/v1/agents/${id}`, undefined],
      ['DELETE', (id: string) => `/api/v1/agents/${id}`, undefined],
    ] as const) {
      const answers = await Promise.all(
        [other.id, 'f'.repeat(32), 'nobody', '%00'].map((id) => site.send(method, path(id), body, lead.session)),
      );
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
      expect(answers[0]).toMatchObject({ status: 404, json: { error: { code: 'ARTIFACT_NOT_FOUND' } } });
    }
  });
});

describe('agents', () => {
  it('are listed for the caller and its subtree, for the operator all', async () => {
    const own = await site.coordinator();
    const minted = await mint({ subAgentName: 'child' }, own.session, own.id);
    const { json } = await site.send('GET', '/api/v1/agents', undefined, own.session);
    expect(json.kind).toBe('AgentIdentityList');
    expect(json.items.map((each: any) => each.metadata.uid)).toEqual([own.id, minted.json.agentId]);
    const all = await site.send('GET', '/api/v1/agents', undefined, OPERATOR);
    expect(all.json.items.length).toBeGreaterThan(4);
  });

  it('are found by their own name where somebody further down has taken the same one', async () => {
    const own = await site.coordinator();
    const real = await mint({ subAgentName: 'reader' }, own.session, own.id);
    const middle = await mint({ subAgentName: 'middle', policyPreset: 'coordinator' }, own.session, own.id);
    const { sessionToken, agentId } = (await site.enroll(middle.json.enrollmentToken)).json;
    const decoy = await mint({ subAgentName: 'reader' }, sessionToken, agentId);
    expect((await mint({ subAgentName: 'coordinator' }, sessionToken, agentId)).status).toBe(200);
    const found = async (name: string) =>
      (await site.send('GET', `/api/v1/agents/${name}`, undefined, own.session)).json.metadata.uid;
    expect([await found('reader'), await found('coordinator')]).toEqual([real.json.agentId, own.id]);
    const ended = await site.send('DELETE', '/api/v1/agents/reader', undefined, own.session);
    expect(ended.json.revoked).toEqual([real.json.artifactHash]);
    expect(await found('reader')).toBe(decoy.json.agentId);
  });

  it('are revoked below the caller only, again and again, pending ones too', async () => {
    const own = await site.coordinator();
    const { json } = await mint({ subAgentName: 'pending' }, own.session, own.id);
    const self = await site.send('DELETE', `/api/v1/agents/${own.id}`, undefined, own.session);
    expect([self.status, self.json.error.code]).toEqual([403, 'PERMISSION_DENIED']);
    const first = await site.send('DELETE', `/api/v1/agents/${json.agentId}`, undefined, own.session);
    expect(first.json).toMatchObject({ success: true, revoked: [json.artifactHash], already_revoked: false });
    const second = await site.send('DELETE', '/api/v1/agents/pending', undefined, own.session);
    expect(second.json).toMatchObject({ success: true, already_revoked: true });
    const late = await site.enroll(json.enrollmentToken);
    expect([late.status, late.json.error.code]).toEqual([403, 'ARTIFACT_REVOKED']);
    const shown = await site.send('GET', '/api/v1/agents/pending', undefined, own.session);
    expect(shown.json.status.phase).toBe('Revoked');
  });

  it('end with the one above: sessions, delegations and questions', async () => {
    const own = await site.coordinator();
    const { json } = await mint({ subAgentName: 'worker' }, own.session, own.id);
    const worker = (await site.enroll(json.enrollmentToken)).json;
    await site.send('DELETE', `/api/v1/agents/${own.id}`, undefined, OPERATOR);
    for (const [token, id] of [
      [own.session, own.id],
      [worker.sessionToken, worker.agentId],
    ]) {
      const asked = [
        site.send('GET', '/api/v1/agents', undefined, token),
        site.send('POST', '/api/v1/authorize', { capability: 'tool.call', resource: 'a/b' }, token),
        mint({ subAgentName: 'x' }, token, id),
        site.send('GET', '/api/v1/chain', undefined, token),
        site.send('POST', '/api/v1/tools/aga_inspect', {}, token),
      ];
      for (const { status, json: said } of await Promise.all(asked)) {
        expect([status, said.error.code]).toEqual([403, 'ARTIFACT_REVOKED']);
      }
    }
  });
});

describe('enrol', () => {
  it('gives the same agent a second session, and another key a conflict that the parent sees', async () => {
    const { json } = await mint({ subAgentName: 'twin' });
    const first = await site.enroll(json.enrollmentToken, 'twin');
    const second = await site.enroll(json.enrollmentToken, 'twin');
    expect(second.json.agentId).toBe(first.json.agentId);
    expect(second.json.artifact).toEqual(first.json.artifact);
    expect(second.json.sessionToken).not.toBe(first.json.sessionToken);
    const thief = await site.enroll(json.enrollmentToken, 'thief');
    expect([thief.status, thief.json.error.code]).toEqual([409, 'TOKEN_USED']);
    const seen = await site.send(
      'GET',
      `/api/v1/chain?kind=REFUSAL&artifact_hash=${json.artifactHash}`,
      undefined,
      lead.session,
    );
    expect(seen.json.entries[0].event).toMatchObject({ code: 'TOKEN_USED', artifact_hash: json.artifactHash });
  });

  it('has 50 parallel redeems give one winner', async () => {
    const { json } = await mint({ subAgentName: 'contested' });
    const all = await Promise.all(Array.from({ length: 50 }, (_, n) => site.enroll(json.enrollmentToken, `c${n}`)));
    expect(all.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(all.filter(({ status }) => status === 409)).toHaveLength(49);
  });

  it('says the same of an unknown id and of a wrong secret, and uses nothing up', async () => {
    const { json } = await mint({ subAgentName: 'guarded' });
    const token: string = json.enrollmentToken;
    const other = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    const unknown = `lt-delegate-${'0'.repeat(32)}.${token.split('.')[1]}`;
    const said = await Promise.all(
      [other, unknown, token.slice(0, -1), 'x', '', lead.session].map((each) => site.enroll(each)),
    );
    expect(new Set(said.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(said[0]).toMatchObject({ status: 401, json: { error: { code: 'TOKEN_INVALID' } } });
    expect(said[0]?.headers.get('www-authenticate')).toBe('Bearer');
    for (const changes of [
      { proof: 'A'.repeat(86) },
      { proof: 'short' },
      { proof: undefined },
      { publicKey: 'did:key:z6Mk' },
      { publicKey: undefined },
      { agentName: 'other' },
      { agentName: 7 },
      { policyPreset: 'coordinator' },
      { extra: 1 },
    ]) {
      const { status, text } = await site.enroll(token, 'me', changes);
      expect([400, 401]).toContain(status);
      expect(text).not.toContain(token.split('.')[1]);
    }
    expect((await site.enroll(token, 'me', { policyPreset: 'sandboxed' })).status).toBe(200);
  });

  it('answers under the other name, too', async () => {
    const { json } = await mint({ subAgentName: 'alias' });
    const wrong = { enrollmentToken: json.enrollmentToken };
    expect((await site.send('POST', '/api/v1/agent-isolation/register', wrong)).status).toBe(400);
  });
});

describe('a delegation that names no preset', () => {
  const lead = { 'tool.call': ['search/*'], 'agent.delegate': ['*', '*@*'] };
  it.each<[string, object, string, object]>([
    ['is sandboxed', {}, 'sandboxed', { 'tool.call': ['search/*'] }],
    [
      'gets the widest that is narrower still',
      { reader: { permissions: { 'tool.call': ['search/read'] } } },
      'reader',
      { 'tool.call': ['search/read'] },
    ],
    ['is isolated where there is no other', {}, 'isolated', {}],
  ])('%s', async (_, others, preset, permissions) => {
    const presets = parsePresets({ lead: { permissions: lead }, ...others });
    const bounded = await authority({ policy: { ...POLICY, presets } });
    const policy_preset = preset === 'sandboxed' ? 'coordinator' : 'lead';
    const above = await bounded.coordinator({ policy_preset, permissions: lead });
    const { status, json } = await bounded.send(
      'POST',
      `/api/v1/agents/${above.id}/delegate`,
      { subAgentName: 'kid' },
      above.session,
    );
    expect([status, json.policyPreset, json.permissions]).toEqual([200, preset, permissions]);
    await bounded.close();
  });
});
