import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Authority, authority, type Enrolled, OPERATOR, raw } from './fixture.ts';

let site: Authority;
let lead: Enrolled;
const AUTHORIZE = '/api/v1/authorize';
const QUESTION = { capability: 'tool.call', resource: 'a/b' };

beforeAll(async () => {
  site = await authority({ patience: 1000 });
  lead = await site.coordinator();
});
afterAll(() => site.close());

const host = () => new URL(site.url).host;
const code = (text: string): string => JSON.parse(text).error.code;
/** Raw bytes in, everything that comes back out. */
function wire(text: string, patience = 3000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(site.url).port), '127.0.0.1', () => socket.write(text));
    let got = '';
    const done = () => {
      socket.destroy();
      resolve(got);
    };
    socket.on('data', (chunk) => {
      got += chunk;
    });
    socket.on('close', done).on('error', done);
    setTimeout(done, patience).unref();
  });
}

describe('who asks', () => {
  it('is unknown without one good bearer token', async () => {
    const none = `eyJhbGciOiJub25lIn0.${Buffer.from('{"sub":"admin"}').toString('base64url')}.`;
    const [id, secret] = lead.session.split('.');
    const bad = [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      `Basic ${Buffer.from(`operator:${OPERATOR}`).toString('base64')}`,
      'Bearer x',
      `Bearer ${none}`,
      `Bearer ${lead.token}`,
      `Bearer ${lead.session.slice(0, -1)}`,
      `Bearer ${lead.session}x`,
      `Bearer ${id}.`,
      `Bearer .${secret}`,
      `Bearer ${OPERATOR} ${OPERATOR}`,
      `Bearer ${OPERATOR.toUpperCase()}`,
      OPERATOR,
      `Token ${lead.session}`,
      'Bearer null',
      `Bearer ${'a'.repeat(4000)}`,
    ];
    for (const authorization of bad) {
      const reply = await site.send(
        'POST',
        AUTHORIZE,
        QUESTION,
        undefined,
        authorization === undefined ? {} : { authorization },
      );
      expect([authorization, reply.status, reply.json.error.code]).toEqual([authorization, 401, 'UNAUTHENTICATED']);
      expect(reply.headers.get('www-authenticate')).toBe('Bearer');
      expect(reply.text).not.toContain(secret);
    }
    for (const query of [`?access_token=${lead.session}`, `?token=${OPERATOR}`]) {
      expect((await site.send('GET', `/api/v1/agents${query}`)).status).toBe(401);
    }
    expect(
      (await site.send('GET', '/api/v1/agents', undefined, undefined, { authorization: `bearer ${lead.session}` }))
        .status,
    ).toBe(200);
  });

  it('is refused with two of a header that must have one meaning', async () => {
    const good = ['Host', host(), 'Authorization', `Bearer ${lead.session}`, 'Content-Type', 'application/json'];
    const body = JSON.stringify(QUESTION);
    expect((await raw(`${site.url}${AUTHORIZE}`, 'POST', good, body)).status).toBe(200);
    for (const more of [
      ['Authorization', `Bearer ${lead.session}`],
      ['Authorization', `Bearer ${OPERATOR}`],
      ['Content-Type', 'text/plain'],
    ]) {
      const { status, text } = await raw(`${site.url}${AUTHORIZE}`, 'POST', [...good, ...more], body);
      expect([more[0], status, code(text)]).toEqual([more[0], 400, 'INVALID_REQUEST']);
    }
    const twoHosts = await wire(
      `GET /healthz HTTP/1.1\r\nHost: ${host()}\r\nHost: ${host()}\r\nConnection: close\r\n\r\n`,
    );
    expect(twoHosts).toMatch(/^HTTP\/1.1 400 /);
    const twoLengths = await wire(
      `POST ${AUTHORIZE} HTTP/1.1\r\nHost: ${host()}\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
    );
    expect(twoLengths).toMatch(/^HTTP\/1.1 400 /);
    const both = await wire(
      `POST ${AUTHORIZE} HTTP/1.1\r\nHost: ${host()}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    );
    expect(both).toMatch(/^HTTP\/1.1 400 /);
    for (const version of ['1.0', '1.1']) {
      const noHost = await wire(`GET /healthz HTTP/${version}\r\nConnection: close\r\n\r\n`);
      expect(noHost).toMatch(/^HTTP\/1.1 400 [\s\S]*no-store[\s\S]*INVALID_REQUEST/);
    }
    expect(await wire('NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1.1 400 [\s\S]*INVALID_REQUEST/);
  });

  it('comes from this site or from no page at all', async () => {
    const ask = (headers: string[]) => raw(`${site.url}/healthz`, 'GET', headers);
    for (const name of [
      'evil.example',
      `evil.example:${new URL(site.url).port}`,
      'localhost.evil.example',
      '127.0.0.1@evil',
      '',
    ]) {
      expect([name, (await ask(['Host', name])).status]).toEqual([name, 403]);
    }
    for (const origin of [
      'https://evil.example',
      'null',
      'http://localhost.evil.example',
      'file://',
      `${site.url}/x`,
    ]) {
      const { status, text } = await ask(['Host', host(), 'Origin', origin]);
      expect([origin, status, code(text)]).toEqual([origin, 403, 'PERMISSION_DENIED']);
    }
    for (const origin of [site.url, 'http://localhost:3000']) {
      expect([origin, (await ask(['Host', host(), 'Origin', origin])).status]).toEqual([origin, 200]);
    }
    expect((await ask(['Host', `localhost:${new URL(site.url).port}`])).status).toBe(200);
  });
});

describe('what is asked', () => {
  it('has one path and one method', async () => {
    for (const path of [
      '/',
      '/api',
      '/api/v1',
      '/api/v1/agents/',
      '//healthz',
      '/healthz/',
      '/api/v1/tools/none',
      '/api/v1/agents/%E0%A4%A',
    ]) {
      const { status, json, headers } = await site.send('GET', path, undefined, lead.session);
      expect([path, status, json.error.code]).toEqual([path, 404, 'NOT_FOUND']);
      expect(headers.get('cache-control')).toBe('no-store');
    }
    for (const [method, path, allow] of [
      ['GET', '/api/v1/agents/enroll', 'POST'],
      ['POST', '/healthz', 'GET, HEAD'],
      ['PUT', `/api/v1/agents/${lead.id}`, 'GET, HEAD, DELETE'],
      ['PATCH', AUTHORIZE, 'POST'],
      ['OPTIONS', AUTHORIZE, 'POST'],
      ['GET', '/mcp', 'POST'],
      ['GET', `/api/v1/agents/${lead.id}/delegate`, 'POST'],
    ]) {
      const { status, json, headers } = await site.send(method!, path!, undefined, lead.session);
      expect([path, status, json.error.code, headers.get('allow')]).toEqual([path, 405, 'METHOD_NOT_ALLOWED', allow]);
    }
  });

  it('may be named by its whole address, as to a proxy, where that is ours', async () => {
    const ask = (target: string) => wire(`GET ${target} HTTP/1.1\r\nHost: ${host()}\r\nConnection: close\r\n\r\n`);
    for (const target of [`${site.url}/healthz`, `HTTP://${host()}/healthz?x=1`])
      expect([target, (await ask(target)).slice(0, 12)]).toEqual([target, 'HTTP/1.1 200']);
    for (const target of ['http://evil.example/healthz', `http://x@${host()}/healthz`, 'http:///healthz'])
      expect(await ask(target)).toMatch(/^HTTP\/1.1 403 [\s\S]*PERMISSION_DENIED/);
    expect(await ask(site.url)).toMatch(/^HTTP\/1.1 404 /);
  });

  it('is JSON in UTF-8, whole, with one meaning', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
      'application/jsonp',
      '',
    ]) {
      const { status, json } = await site.send('POST', AUTHORIZE, QUESTION, lead.session, { 'content-type': type });
      expect([type, status, json.error.code]).toEqual([type, 415, 'UNSUPPORTED_MEDIA_TYPE']);
    }
    const gzip = { 'content-encoding': 'gzip' };
    expect((await site.send('POST', AUTHORIZE, QUESTION, lead.session, gzip)).status).toBe(415);
    expect(
      (
        await site.send('POST', AUTHORIZE, QUESTION, lead.session, {
          'content-type': 'application/json; charset=UTF-8',
        })
      ).status,
    ).toBe(200);
    const text = JSON.stringify(QUESTION);
    for (const body of [
      '',
      'x',
      '{',
      'null',
      '[]',
      '"text"',
      `\ufeff${text}`,
      text.replace('}', ',"capability":"fs.read"}'),
      text.replace('}', ',"__proto__":{}}'),
      text.replace('}', ',"constructor":{}}'),
      `${text}${text}`,
      text.replace('a/b', '\\ud800'),
      `${'['.repeat(2000)}${']'.repeat(2000)}`,
      text.replace('}', `,"arguments":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}`),
      Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d),
    ]) {
      const reply = await site.send('POST', AUTHORIZE, body, lead.session);
      expect([body.slice(0, 40), reply.status, reply.json.error.code]).toEqual([
        body.slice(0, 40),
        400,
        'INVALID_REQUEST',
      ]);
    }
  });

  it('is an object where a tool is called, and "null" is none', async () => {
    for (const body of ['null', '[]', '1', '']) {
      const { status, json } = await site.send('POST', '/api/v1/tools/aga_create_artifact', body, OPERATOR);
      expect([body, status, json.error.code]).toEqual([body, 400, 'INVALID_REQUEST']);
    }
  });

  it('is answered as ever where it comes with an expectation that nobody knows', async () => {
    const answer = await wire(`GET /nowhere HTTP/1.1\r\nHost: ${host()}\r\nExpect: x\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 404 [\s\S]*NOT_FOUND/);
  });

  it('is at most one mebibyte, however it comes', async () => {
    const large = JSON.stringify({ ...QUESTION, arguments: { x: 'a'.repeat(2 << 20) } });
    const said = await site.send('POST', AUTHORIZE, large, lead.session);
    expect([said.status, said.json.error.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    let sent = 0;
    const chunked = await fetch(`${site.url}${AUTHORIZE}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${lead.session}` },
      body: new ReadableStream({
        pull(controller) {
          controller.enqueue(new TextEncoder().encode('a'.repeat(1 << 18)));
          sent += 1;
          if (sent > 12) controller.close();
        },
      }),
      duplex: 'half',
    } as RequestInit);
    expect(chunked.status).toBe(413);
    // Somebody unknown is not read at all.
    expect((await site.send('POST', AUTHORIZE, large)).status).toBe(401);
    const headers = { 'x-large': 'a'.repeat(40_000) };
    expect((await site.send('GET', '/healthz', undefined, undefined, headers)).status).toBe(413);
  });

  it('must be complete within the time that is given', async () => {
    const began = performance.now();
    const head = `POST ${AUTHORIZE} HTTP/1.1\r\nHost: ${host()}\r\nAuthorization: Bearer ${lead.session}\r\nContent-Type: application/json\r\n`;
    const slow = await Promise.all([
      wire(`${head}`, 4000),
      wire(`${head}Content-Length: 100\r\n\r\n{"capability`, 4000),
      wire('', 4000),
    ]);
    expect((performance.now() - began) / 1000).toBeLessThan(3);
    for (const answer of slow) expect(answer).toMatch(/^HTTP\/1.1 408 [\s\S]*REQUEST_TIMEOUT/);
    expect((await site.send('GET', '/healthz')).status).toBe(200);
  });

  it('begins in time where there is TLS, too', async () => {
    // Nobody comes so far that a certificate is asked for.
    const silent = await authority({ patience: 2500, tls: { cert: '', key: '' } });
    const socket = connect(Number(new URL(silent.url).port), '127.0.0.1');
    const began = performance.now();
    await new Promise((resolve) => socket.on('close', resolve).on('error', resolve));
    expect(performance.now() - began).toBeLessThan(6000);
    // Nor does one that never began hold up the end.
    const other = connect(Number(new URL(silent.url).port), '127.0.0.1');
    await new Promise((resolve) => other.on('connect', resolve).on('error', resolve));
    const ending = performance.now();
    await silent.close();
    expect(performance.now() - ending).toBeLessThan(2000);
  }, 10_000);

  it('is not more than a hundred delegations a second, and nobody else is slowed', async () => {
    const other = await site.coordinator();
    // On a busy machine all of them take longer than the rate would make them wait.
    const still = vi.spyOn(performance, 'now').mockReturnValue(performance.now());
    const names = Array.from({ length: 600 }, (_, n) => `n${n}`);
    const all = await Promise.all(
      names.map((subAgentName) =>
        site.send('POST', `/api/v1/agents/${other.id}/delegate`, { subAgentName }, other.session),
      ),
    );
    const counted = Map.groupBy(all, ({ status }) => status);
    expect([200, 403, 429].map((status) => counted.get(status)?.length)).toEqual([32, 168, 400]);
    const { headers, json } = counted.get(429)![0]!;
    expect(json.error).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(5);
    const mine = await site.send('POST', `/api/v1/agents/${lead.id}/delegate`, { subAgentName: 'mine' }, lead.session);
    expect(mine.status).toBe(200);
    still.mockRestore();
  });
});

it('reported no fault of our own', () => {
  expect(site.reports).toEqual([]);
});
