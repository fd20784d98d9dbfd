/** An upstream over HTTPS whose certificate nobody here trusts: what the caller and stderr are told. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sayUntrusted } from '../../../src/base/certificate.ts';
import { connect } from '../../../src/client/index.ts';
import { Upstream } from '../../../src/edge/gateway/upstream.ts';
import { directory } from '../../scratch.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

it.skipIf(!hasOpenssl)('says that it is not trusted, and whom to name', async () => {
  const folder = directory();
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const made = ['-newkey', 'ed25519', '-nodes', '-subj', '/CN=localhost', '-days', '2', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', ...made], { stdio: 'pipe' });
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`; // a cast: it listens
  const said: string[] = [];
  const up = new Upstream({
    name: 'web',
    config: { url, timeout: 2_000 },
    client: { name: 'test', version: '1' },
    log: (text) => said.push(text),
  });
  const why =
    'its certificate is not signed by a CA that is trusted here; set NODE_EXTRA_CA_CERTS to the file of its CA (DEPTH_ZERO_SELF_SIGNED_CERT)';
  try {
    await expect(up.call({ name: 'any', arguments: {} })).rejects.toMatchObject({
      code: 'UPSTREAM_FAILED',
      message: `The upstream "web" could not be reached: ${why}.`,
    });
    expect(said).toEqual([`[web] could not be reached: ${why}\n`]);
    await expect(
      connect({ server: url, token: `lt-delegate-${'0'.repeat(32)}.${'x'.repeat(43)}` }),
    ).rejects.toMatchObject({
      code: 'UPSTREAM_FAILED',
      message: `The authority could not be reached: ${why}.`,
      retryable: false,
    });
  } finally {
    await up.close();
    server.close().closeAllConnections();
  }
});

it.each([
  ['CERT_HAS_EXPIRED', /has expired/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /another host/],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /NODE_EXTRA_CA_CERTS/],
])('%s, also behind the error of fetch', (code, words) => {
  const cause = Object.assign(new Error('s3cret'), { code });
  for (const error of [cause, new TypeError('fetch failed', { cause })]) {
    expect(sayUntrusted(error)).toMatch(words);
    expect(sayUntrusted(error)).toMatch(new RegExp(`\\(${code}\\)$`));
    expect(sayUntrusted(error)).not.toContain('s3cret');
  }
});

it.each([
  new TypeError('fetch failed'),
  Object.assign(new Error(), { code: 'toString' }),
  'CERT_HAS_EXPIRED',
  null,
  undefined,
])('%s is none', (error) => expect(sayUntrusted(error)).toBeUndefined());
