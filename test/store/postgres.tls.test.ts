/** The TLS options of psql, against a server with a certificate of a CA that nobody else knows. */
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Refusal } from '../../src/base/refusal.ts';
import { addressOf } from '../../src/store/postgres/address.ts';
import { Link } from '../../src/store/postgres/link.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { directory } from '../scratch.ts';
import { give, missing, type OwnServer, ownServer } from './postgres.server.ts';
import { batchAfter } from './rows.ts';

const reason = missing ?? (openssl() ? undefined : 'no openssl here');

function openssl(...args: string[]): boolean {
  try {
    execFileSync('openssl', args.length === 0 ? ['version'] : args, { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(reason !== undefined)(`TLS to PostgreSQL${reason === undefined ? '' : ` (${reason})`}`, () => {
  let pg: OwnServer;
  /** Without TLS; the server is called `localhost` here. */
  let plain: URL;
  const folder = directory();
  const file = (name: string): string => join(folder, name);

  function authority(name: string): void {
    const subject = ['-subj', `/CN=${name}`, '-days', '2'];
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ed25519',
      '-nodes',
      ...subject,
      '-keyout',
      file(`${name}.key`),
      '-out',
      file(`${name}.pem`),
    );
  }
  /** A certificate of that CA for somebody who is called so. */
  function certify(ca: string, name: string, common: string, alternative: string): void {
    writeFileSync(file('extensions'), `subjectAltName=${alternative}\n`);
    openssl(
      'req',
      '-new',
      '-newkey',
      'ed25519',
      '-nodes',
      '-subj',
      `/CN=${common}`,
      '-keyout',
      file(`${name}.key`),
      '-out',
      file(`${name}.csr`),
    );
    const from = ['-CA', file(`${ca}.pem`), '-CAkey', file(`${ca}.key`), '-CAcreateserial'];
    openssl(
      'x509',
      '-req',
      '-in',
      file(`${name}.csr`),
      ...from,
      '-days',
      '2',
      '-extfile',
      file('extensions'),
      '-out',
      file(`${name}.pem`),
    );
  }

  beforeAll(async () => {
    authority('ours');
    authority('theirs');
    certify('ours', 'server', 'the database', 'DNS:localhost');
    certify('ours', 'client', 'postgres', 'DNS:client');
    chmodSync(file('server.key'), 0o600);
    give(folder);
    const files = `ssl_cert_file=${file('server.pem')},ssl_key_file=${file('server.key')},ssl_ca_file=${file('ours.pem')}`;
    pg = await ownServer(['fsync=off', 'ssl=on', ...files.split(',')]);
    plain = new URL(await pg.database());
    plain.hostname = 'localhost';
  });
  afterAll(async () => {
    await pg?.stop();
  });

  const at = (options: string, host = 'localhost'): string => {
    const url = new URL(plain);
    url.hostname = host;
    return `${url.href}?${options}`;
  };
  const root = (name: string): string => `sslrootcert=${file(`${name}.pem`)}`;

  async function encrypted(url: string): Promise<boolean> {
    const link = new Link({ address: addressOf(url), patience: 0, greet: async () => {} });
    try {
      const session = await link.session();
      const [found] = await session.run('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      return found?.[0]?.[0] === true || found?.[0]?.[0] === 't';
    } finally {
      await link.close();
    }
  }

  test.each<[string, () => string, boolean]>([
    ['disable', () => at('sslmode=disable'), false],
    ['prefer takes TLS where there is some', () => at('sslmode=prefer'), true],
    ['require asks nobody who is there', () => at('sslmode=require'), true],
    ['require by another name', () => at('sslmode=require', '127.0.0.1'), true],
    ['require with a CA verifies it, as psql does', () => at(`sslmode=require&${root('ours')}`), true],
    ['verify-ca', () => at(`sslmode=verify-ca&${root('ours')}`), true],
    ['verify-ca does not ask for the name', () => at(`sslmode=verify-ca&${root('ours')}`, '127.0.0.1'), true],
    ['verify-full', () => at(`sslmode=verify-full&${root('ours')}`), true],
  ])('goes: %s', async (_, url, isEncrypted) => {
    expect(await encrypted(url())).toBe(isEncrypted);
    const store = await openPostgres({ url: url(), chain: `chain ${url().length}`, opening: 500 });
    await store.commit(0, (_, head) => (head ? null : batchAfter(head, [{}])));
    await store.close();
  });

  test.each<[string, () => string, RegExp]>([
    ['require with another CA', () => at(`sslmode=require&${root('theirs')}`), /SELF_SIGNED|VERIFY|ISSUER/],
    ['verify-ca with another CA', () => at(`sslmode=verify-ca&${root('theirs')}`), /SELF_SIGNED|VERIFY|ISSUER/],
    ['verify-full with another CA', () => at(`sslmode=verify-full&${root('theirs')}`), /SELF_SIGNED|VERIFY|ISSUER/],
    ['verify-full without a CA', () => at('sslmode=verify-full'), /SELF_SIGNED|VERIFY|ISSUER/],
    [
      'verify-full by an address that the certificate does not name',
      () => at(`sslmode=verify-full&${root('ours')}`, '127.0.0.1'),
      /ALTNAME/,
    ],
  ])('is refused, in words: %s', async (_, url, message) => {
    const begun = performance.now();
    const refusal = Refusal.from(
      await openPostgres({ url: url(), chain: 'x', opening: 3000 }).then(
        () => 'let through',
        (error) => error,
      ),
    );
    expect(refusal.code).toBe('INTERNAL');
    expect(refusal.message).toMatch(message);
    expect(refusal.hint).toMatch(/sslrootcert|certificate|TLS/i);
    // It does not become right by waiting.
    expect(performance.now() - begun).toBeLessThan(2500);
    expect(JSON.stringify(refusal.body)).not.toContain(folder);
  });

  test('a client that shows a certificate', async () => {
    const rules = join(pg.folder, 'pg_hba.conf');
    const before = readFileSync(rules, 'utf8');
    writeFileSync(rules, `hostssl all all all cert\n${before}`);
    await pg
      .sql(new URL(plain).href.replace('localhost', '127.0.0.1'), 'SELECT pg_reload_conf()')
      .catch(() => undefined);
    await expect.poll(() => encrypted(at('sslmode=require')).catch(() => 'refused')).toBe('refused');
    const shown = `sslcert=${file('client.pem')}&sslkey=${file('client.key')}`;
    expect(await encrypted(at(`sslmode=verify-full&${root('ours')}&${shown}`))).toBe(true);
    writeFileSync(rules, before);
  });
});
