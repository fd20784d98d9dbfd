import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalize } from '../../../src/base/canonical.ts';
import { toDidKey } from '../../../src/base/did-key.ts';
import { SqliteNonces } from '../../../src/store/nonces.ts';
import { directory } from '../../scratch.ts';
import { type Authority, authority, type Enrolled, OPERATOR, raw } from './fixture.ts';

/** The holder's side by a library that is not ours. */
const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
const jwk = await exportJWK(pair.publicKey);
const holder = toDidKey(Buffer.from(jwk.x!, 'base64url'));
const s256 = (data: string) => createHash('sha256').update(data).digest('base64url');
const PATH = '/api/v1/authorize';
const BODY = JSON.stringify({ capability: 'tool.call', resource: 'a/b' });

let site: Authority;
let lead: Enrolled;
let session: string;
let strictSession: string;

/** Redeems with the holder's key, whose statement is signed by hand. */
async function enrolled(token: string): Promise<string> {
  const id = token.slice('lt-delegate-'.length).split('.')[0];
  const statement = canonicalize({ type: 'aga-enroll/v1', token_id: id, holder });
  const proof = Buffer.from(await crypto.subtle.sign('Ed25519', pair.privateKey, Buffer.from(statement)));
  const body = { enrollmentToken: token, publicKey: holder, proof: proof.toString('base64url') };
  return (await site.send('POST', '/api/v1/agents/enroll', body)).json.sessionToken;
}

beforeAll(async () => {
  site = await authority();
  lead = await site.coordinator();
  const mint = async (body: object) =>
    (await site.send('POST', `/api/v1/agents/${lead.id}/delegate`, body, lead.session)).json.enrollmentToken;
  session = await enrolled(await mint({ subAgentName: 'holder' }));
  strictSession = await enrolled(await mint({ subAgentName: 'strict', minBinding: 'proof' }));
});
afterAll(() => site.close());

interface Forgery {
  readonly header?: object;
  readonly claims?: { readonly [claim: string]: unknown };
  readonly key?: CryptoKey;
  readonly token?: string;
}

function proof({ header = {}, claims = {}, key = pair.privateKey, token = session }: Forgery = {}): Promise<string> {
  const all = {
    htm: 'POST',
    htu: `${site.url}${PATH}`,
    iat: Math.floor(Date.now() / 1000),
    jti: randomUUID(),
    ath: s256(token),
    aga_body: s256(BODY),
    ...claims,
  };
  return new SignJWT(JSON.parse(JSON.stringify(all)))
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'EdDSA', jwk, ...header } as Parameters<
      SignJWT['setProtectedHeader']
    >[0])
    .sign(key);
}

const ask = (dpop?: string, token = session, body = BODY, path = PATH) =>
  site.send('POST', path, body, token, dpop === undefined ? {} : { dpop });

async function lastBinding(): Promise<string> {
  const { json } = await site.send('GET', '/api/v1/chain?kind=DECISION&limit=500', undefined, OPERATOR);
  return json.entries.at(-1).event.binding;
}

describe('a proof of the holder', () => {
  it('makes a bearer session stronger, with either scheme', async () => {
    expect((await ask()).status).toBe(200);
    expect(await lastBinding()).toBe('bearer');
    expect((await ask(await proof())).status).toBe(200);
    expect(await lastBinding()).toBe('proof');
    const headers = { authorization: `DPoP ${session}`, dpop: await proof() };
    expect((await site.send('POST', PATH, BODY, undefined, headers)).status).toBe(200);
    // RFC 9449 section 7.1: that scheme promises a proof.
    for (const token of [session, OPERATOR]) {
      const bare = await site.send('POST', PATH, BODY, undefined, { authorization: `DPoP ${token}` });
      expect([bare.status, bare.json.error?.code]).toEqual([401, 'UNAUTHENTICATED']);
    }
    expect((await ask(await proof({ claims: { htu: `${site.url}${PATH}?x=1#y` } }))).status).toBe(200);
  });

  it('names the method that is asked with', async () => {
    const agents = `${site.url}/api/v1/agents`;
    const headed = async (method: string, htm: string) => {
      const dpop = await proof({ claims: { htm, htu: agents, aga_body: s256('') } });
      return (await site.send(method, '/api/v1/agents', undefined, session, { dpop })).status;
    };
    expect([await headed('GET', 'GET'), await headed('HEAD', 'HEAD')]).toEqual([200, 200]);
    expect([await headed('GET', 'HEAD'), await headed('HEAD', 'GET')]).toEqual([401, 401]);
  });

  it('names the public address, behind a proxy that writes a Host of its own', async () => {
    const at = 'https://authority.example.com';
    const here = await authority({ publicUrl: at });
    try {
      const token = (await here.coordinator()).session;
      // Whose proof it is comes after where it is for.
      const to = async (htu: string) =>
        (await here.send('POST', PATH, BODY, token, { dpop: await proof({ claims: { htu }, token }) })).json.error
          .message;
      for (const own of [`${at}${PATH}`, `${here.url}${PATH}`]) expect(await to(own)).toContain('another key');
      for (const other of [`http://authority.example.com${PATH}`, `${at}/api/v1/chain`, `https://example.com${PATH}`])
        expect(await to(other)).toContain('another address');
    } finally {
      await here.close();
    }
  });

  it('may name the address as URLs are written, whatever the Host header looks like', async () => {
    const { port } = new URL(site.url);
    for (const [at, name, status] of [
      [`http://localhost:${port}`, `LOCALHOST:${port}`, 200],
      ['http://localhost', 'localhost:80', 200],
      ['http://localhost', 'localhost', 200],
      ['http://localhost', `localhost:${port}`, 401],
    ] as const) {
      const dpop = await proof({ claims: { htu: `${at}${PATH}` } });
      const headers = ['Host', name, 'Authorization', `DPoP ${session}`, 'DPoP', dpop];
      const reply = await raw(`${site.url}${PATH}`, 'POST', [...headers, 'Content-Type', 'application/json'], BODY);
      expect([name, reply.status]).toEqual([name, status]);
    }
    expect((await raw(`${site.url}/healthz`, 'GET', ['Host', 'localhost:99999'])).status).toBe(403);
  });

  it('is asked for where the artifact says so', async () => {
    const weak = await ask(undefined, strictSession);
    expect([weak.status, weak.json.error.code]).toEqual([403, 'PERMISSION_DENIED']);
    expect(weak.json.error.hint).toMatch(/DPoP/);
    const strong = await ask(await proof({ token: strictSession }), strictSession);
    expect([strong.status, strong.json.allowed]).toEqual([200, true]);
  });

  it('is good once, for one request, by one key, now', async () => {
    const used = await proof();
    expect((await ask(used)).status).toBe(200);
    const other = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
    const ec = await generateKeyPair('ES256', { extractable: true });
    const now = Math.floor(Date.now() / 1000);
    const none = `${Buffer.from('{"typ":"dpop+jwt","alg":"none"}').toString('base64url')}.${used.split('.')[1]}.`;
    const bad: { readonly [name: string]: string } = {
      'used before': used,
      'another method': await proof({ claims: { htm: 'GET' } }),
      'another path': await proof({ claims: { htu: `${site.url}/api/v1/chain` } }),
      'another host': await proof({ claims: { htu: `http://localhost:1${PATH}` } }),
      'no target': await proof({ claims: { htu: 'x' } }),
      'another token': await proof({ claims: { ath: s256(OPERATOR) } }),
      'no token': await proof({ claims: { ath: undefined } }),
      'another body': await proof({ claims: { aga_body: s256(`${BODY} `) } }),
      'no body': await proof({ claims: { aga_body: undefined } }),
      'too old': await proof({ claims: { iat: now - 120 } }),
      'too new': await proof({ claims: { iat: now + 120 } }),
      'no time': await proof({ claims: { iat: undefined } }),
      'time as text': await proof({ claims: { iat: String(now) } }),
      'no jti': await proof({ claims: { jti: undefined } }),
      'empty jti': await proof({ claims: { jti: '' } }),
      'another key': await proof({ key: other.privateKey, header: { jwk: await exportJWK(other.publicKey) } }),
      'a key that did not sign': await proof({ key: other.privateKey }),
      'a private key': await proof({ header: { jwk: await exportJWK(pair.privateKey) } }),
      'another type': await proof({ header: { typ: 'JWT' } }),
      'another algorithm': await proof({
        key: ec.privateKey,
        header: { alg: 'ES256', jwk: await exportJWK(ec.publicKey) },
      }),
      none,
      garbage: 'x.y.z',
      empty: '.',
      'four parts': `${await proof()}.x`,
      long: `${await proof()}${'A'.repeat(10_000)}`,
    };
    for (const [name, dpop] of Object.entries(bad)) {
      const { status, json, headers } = await ask(dpop);
      expect([name, status, json.error.code]).toEqual([name, 401, 'UNAUTHENTICATED']);
      expect(headers.get('www-authenticate')).toBe('Bearer');
    }
    expect((await ask(await proof())).status).toBe(200);
    expect(site.reports).toEqual([]);
  });

  it('is not used up by a request that was refused for another reason', async () => {
    const good = await proof();
    expect((await ask(good, session, `${BODY} `)).status).toBe(401);
    expect((await ask(good)).status).toBe(200);
  });

  it('wins once when it is sent fifty times at once', async () => {
    const good = await proof();
    const all = await Promise.all(Array.from({ length: 50 }, () => ask(good)));
    expect(all.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(all.filter(({ status }) => status === 401)).toHaveLength(49);
  });
});

describe('what was used once', () => {
  const path = join(directory(), 'nonces.db');
  it('is known to everybody who shares the file', async () => {
    const clock = { now: 1_000_000 };
    const open = () => new SqliteNonces(path, () => clock.now);
    const [a, b] = [open(), open()];
    const ids = Array.from({ length: 200 }, (_, n) => `id ${n % 100}`);
    const fresh = await Promise.all(ids.map((id, n) => (n % 2 ? a : b).once(id, clock.now + 60_000)));
    expect(fresh.filter(Boolean)).toHaveLength(100);
    clock.now += 30_000;
    expect(await b.once('id 7', clock.now + 60_000)).toBe(false);
    clock.now += 60_001;
    await a.once('other', clock.now + 60_000);
    clock.now += 20_000;
    await b.once('another', clock.now + 60_000);
    expect(await a.once('id 7', clock.now + 60_000)).toBe(true);
    for (const each of [a, b]) each.close();
  });
});
