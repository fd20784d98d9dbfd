import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signer } from '#ed25519';
import { derive, type Presentation } from '../../../src/artifact/derive.ts';
import { proveHolder } from '../../../src/artifact/enrolment.ts';
import { lineage } from '../../../src/authority/grant.ts';
import { canonicalize } from '../../../src/base/canonical.ts';
import { toDidKey } from '../../../src/base/did-key.ts';
import { bound, type Caller, operator } from '../../../src/caller.ts';
import { agentKey, requestProof } from '../../../src/client/index.ts';
import { lineageOnChain } from '../../../src/edge/http/lineage.ts';
import { governedSession } from '../../../src/edge/mcp/governed.ts';
import { perCall, STDIO } from '../../../src/edge/mcp/per-call.ts';
import type { Session } from '../../../src/edge/mcp/session.ts';
import { tokensOf } from '../../../src/keys/tokens.ts';
import { redeem } from '../../../src/service/enrolment.ts';
import { KEYS, kernel, seed } from '../../kernel.ts';
import { memoryNonces } from '../../nonces.ts';
import { type Authority, authority } from '../http/fixture.ts';

const key = (name: string) => signer(seed(name));
const did = (name: string) => toDidKey(key(name).publicKey);
const ACT = { capability: 'tool.call', resource: 'search/web' };

/** A coordinator that holds a key, and a worker that it signed offline. */
async function family() {
  const k = kernel({ clock: { now: Date.now() } });
  const root = await k.call('aga_create_artifact', {});
  const lead = await k.call('aga_delegate_to_subagent', {
    parent_artifact_hash: root.artifact_hash,
    policy_preset: 'coordinator',
    enroll: true,
  });
  const tokenId = tokensOf(KEYS.authority).readEnrolment(lead.enrollment.token)!;
  const proof = proveHolder(tokenId, key('lead'));
  const { grant } = await redeem(k.service, { tokenId, holder: did('lead'), proof });
  const { artifacts, enrollments } = await lineageOnChain(k.service, lineage(grant));
  const child = {
    subject: 'worker',
    holder: did('worker'),
    permissions: { 'tool.call': ['search/*'] },
    issuedAt: k.clock.now,
    expiresAt: k.clock.now + 600_000,
    nonce: randomBytes(16).toString('base64url'),
  };
  const above = { lineage: artifacts, enrollments } as unknown as Presentation;
  const shown = derive(above, key('lead'), child);
  const nonces = memoryNonces();
  const session = (caller: Caller): Session => governedSession(k.service, caller);
  const over = (caller: Caller): Session =>
    perCall(session(caller), {
      caller,
      service: k.service,
      urls: [STDIO],
      token: null,
      nonces: () => nonces,
      clock: () => k.clock.now,
      session,
    });
  return { k, root: root.artifact_hash as string, lead: grant.hash, above, shown, over };
}

interface Asked {
  readonly by?: string;
  readonly shown?: unknown;
  readonly name?: string;
  readonly input?: object;
  readonly changes?: { readonly method?: string; readonly url?: string; readonly body?: string };
}

async function ask(session: Session, { by, shown, name = 'aga_check_permission', input = ACT, changes }: Asked) {
  const body = canonicalize({ name, arguments: input });
  const proof = by && requestProof(agentKey(seed(by)), { method: 'tools/call', url: STDIO, body, ...changes });
  return callWith(session, name, input, {
    ...(proof && { 'aga/proof': proof }),
    ...(shown !== undefined && { 'aga/lineage': shown }),
  });
}

async function callWith(session: Session, name: string, input: object, meta: object): Promise<any> {
  const result = await session.callTool({
    name,
    arguments: input as never,
    meta: meta as never,
    requestId: 1,
    signal: new AbortController().signal,
    progress: () => undefined,
  });
  return result.structuredContent ?? JSON.parse(String(result.content[0]?.text));
}

describe('a call on a shared connection', () => {
  it('is made by the holder who shows its lineage and signs', async () => {
    const { shown, over, lead, k } = await family();
    const session = over(bound(lead, 'process'));
    expect(await ask(session, { by: 'worker', shown })).toMatchObject({ allowed: true });
    const seen = await ask(session, { by: 'worker', shown, name: 'aga_inspect', input: { view: 'lineage' } });
    expect(seen.lineage.map(({ subject }: { subject: string }) => subject)).toEqual([
      'coordinator',
      'sub-agent',
      'worker',
    ]);
    expect(
      await ask(session, { by: 'worker', shown: shown.lineage, input: { ...ACT, resource: 'x/y' } }),
    ).toMatchObject({
      allowed: false,
      refused_by: { subject: 'worker' },
    });
    expect((await k.audit()).findings).toEqual([]);
  });

  it('shows the lineage also under the names that it has in HTTP bodies, and once', async () => {
    const { shown, over, lead, above } = await family();
    const { lineage: list, enrollments } = shown;
    const send = (meta: object) =>
      callWith(over(bound(lead, 'process')), 'aga_check_permission', { ...ACT, resource: 'x/y' }, meta);
    const asWorker = { allowed: false, refused_by: { subject: 'worker' } };
    for (const meta of [{ lineage: list }, { lineage: list, enrollments }, { lineage: shown }])
      expect(await send(meta)).toMatchObject(asWorker);
    // Without a lineage the call is the connection's own, whatever else stands there.
    for (const meta of [{}, { enrollments: 7 }]) expect((await send(meta)).refused_by?.subject).not.toBe('worker');
    const lies = [{ ...enrollments[0], holder: did('worker') }];
    for (const meta of [
      { lineage: list, 'aga/lineage': shown },
      { lineage: list, 'aga/lineage': list, enrollments },
      { 'aga/lineage': list, enrollments },
      { lineage: shown, enrollments },
      { lineage: list, enrollments: 7 },
      { lineage: list, enrollments: lies },
      { lineage: [] },
      { lineage: null },
      { lineage: 'x' },
    ])
      expect((await send(meta)).error.code).toBe('INVALID_REQUEST');
    const body = canonicalize({ name: 'aga_check_permission', arguments: ACT });
    const proof = () => requestProof(agentKey(seed('worker')), { method: 'tools/call', url: STDIO, body });
    const signed = (meta: object) =>
      callWith(over(bound('', 'process')), 'aga_check_permission', ACT, { ...meta, 'aga/proof': proof() });
    expect(await signed({ lineage: list, enrollments })).toMatchObject({ allowed: true });
    expect((await signed({ lineage: above.lineage })).error.code).toBe('PERMISSION_DENIED');
  });

  it('may be made under less than the connection has, and never under more', async () => {
    const { shown, over, lead, above, root, k } = await family();
    expect(await ask(over(operator()), { shown, input: { ...ACT, resource: 'x/y' } })).toMatchObject({
      allowed: false,
    });
    expect(await ask(over(bound(lead, 'process')), { shown })).toMatchObject({ allowed: true });
    const { child_artifact_hash: sibling } = await k.call('aga_delegate_to_subagent', { parent_artifact_hash: root });
    for (const caller of [bound(sibling, 'process'), bound('', 'process')]) {
      expect((await ask(over(caller), { shown })).error.code).toBe(
        caller.artifact ? 'PERMISSION_DENIED' : 'PERMISSION_DENIED',
      );
    }
    // The worker shows what its coordinator holds.
    expect((await ask(over(bound(sibling, 'process')), { by: 'worker', shown: above })).error.code).toBe(
      'PERMISSION_DENIED',
    );
    expect((await ask(over(bound(lead, 'process')), { by: 'worker', shown: above })).error.code).toBe(
      'UNAUTHENTICATED',
    );
  });

  it('is signed once, for this tool and these arguments', async () => {
    const { over, lead } = await family();
    const session = over(bound(lead, 'process'));
    expect(await ask(session, { by: 'lead' })).toMatchObject({ allowed: true });
    const bad: readonly Asked[] = [
      { by: 'worker' },
      { by: 'lead', changes: { method: 'tools/list' } },
      { by: 'lead', changes: { method: 'POST' } },
      { by: 'lead', changes: { url: 'http://127.0.0.1/mcp' } },
      { by: 'lead', changes: { body: canonicalize({ name: 'aga_inspect', arguments: ACT }) } },
      { by: 'lead', changes: { body: canonicalize({ name: 'aga_check_permission', arguments: {} }) } },
    ];
    for (const each of bad) expect((await ask(session, each)).error.code).toBe('UNAUTHENTICATED');
    const body = canonicalize({ name: 'aga_check_permission', arguments: ACT });
    const proof = requestProof(agentKey(seed('lead')), { method: 'tools/call', url: STDIO, body });
    const send = (meta: object) => callWith(session, 'aga_check_permission', ACT, meta);
    expect(await send({ 'aga/proof': proof })).toMatchObject({ allowed: true });
    expect((await send({ 'aga/proof': proof })).error.code).toBe('UNAUTHENTICATED');
    expect((await send({ 'aga/proof': 7 })).error.code).toBe('UNAUTHENTICATED');
    expect((await send({ 'aga/lineage': 7 })).error.code).toBe('INVALID_REQUEST');
    expect((await send({ 'aga/lineage': [] })).error.code).toBe('INVALID_REQUEST');
    expect((await ask(over(operator()), { by: 'lead' })).error.code).toBe('UNAUTHENTICATED');
  });
});

describe('a call over /mcp', () => {
  let site: Authority;
  beforeAll(async () => {
    site = await authority();
  });
  afterAll(() => site.close());

  it('carries its proof in _meta, also where the artifact asks for one', async () => {
    const lead = await site.coordinator();
    const minted = await site.send(
      'POST',
      `/api/v1/agents/${lead.id}/delegate`,
      { subAgentName: 'strict', minBinding: 'proof' },
      lead.session,
    );
    const { sessionToken } = (await site.enroll(minted.json.enrollmentToken, 'strict')).json;
    const url = `${site.url}/mcp`;
    const call = async (meta: object): Promise<any> => {
      const params = { name: 'aga_check_permission', arguments: ACT, _meta: meta };
      const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params };
      const { text } = await site.send('POST', '/mcp', message, sessionToken, {
        accept: 'application/json, text/event-stream',
      });
      return JSON.parse(JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? text).result.content[0].text);
    };
    expect((await call({})).error.code).toBe('PERMISSION_DENIED');
    const body = canonicalize({ name: 'aga_check_permission', arguments: ACT });
    for (const method of ['tools/call', 'POST']) {
      const proof = requestProof(agentKey(seed('strict')), { method, url, body, token: sessionToken });
      expect(await call({ 'aga/proof': proof })).toMatchObject({ allowed: true });
      expect((await call({ 'aga/proof': proof })).error.code).toBe('UNAUTHENTICATED');
    }
    expect(site.reports).toEqual([]);
  });
});
