/** Many machines, one authority: replicas of the built program on a real PostgreSQL. */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { signer } from '#ed25519';
import { proveHolder } from '../../src/artifact/enrolment.ts';
import { toDidKey } from '../../src/base/did-key.ts';
import { directory } from '../scratch.ts';
import { copyOf } from '../store/postgres.server.ts';
import { onOwnPostgres } from '../store/postgres.suite.ts';
import { host, refused } from './host.ts';
import { type Answer, type Replica, replica } from './postgres.replicas.ts';
import { run } from './program.ts';

onOwnPostgres('replicas on PostgreSQL', (on) => {
  /** The first begins the chain; the others bring its key files. */
  const several = async (count: number, url: string): Promise<Replica[]> => {
    const first = await replica(directory(), url);
    const rest = Array.from({ length: count - 1 }, () => replica(directory(first.home), url));
    return [first, ...(await Promise.all(rest))];
  };
  const verified = async (by: Replica): Promise<number> => {
    const { json } = await by.tool('aga_verify', {});
    expect(json).toMatchObject({ valid: true, findings: [] });
    return json.entries_checked;
  };
  const backends = (url: string, more = '') =>
    on.pg.sql(
      url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'aga-delegate' AND datname = current_database() ${more}`,
    );

  /** What goes wrong while 16 clients a replica work; it gets the replicas, and may put others in their places. */
  const faults: Record<string, (replicas: Replica[], url: string) => Promise<void>> = {
    nothing: async () => {},
    async 'a replica is killed, and another one starts'(replicas, url) {
      for (let round = 0; round < 3; round++) {
        await sleep(150);
        const gone = replicas[round]!;
        await gone.stop('SIGKILL');
        replicas[round] = await replica(gone.home, url);
      }
    },
    async 'the database ends its connections, again and again'(_, url) {
      for (let round = 0; round < 25; round++) {
        await backends(url, 'AND random() < 0.5');
        await sleep(40);
      }
    },
    async 'the database restarts'() {
      await sleep(200);
      await on.pg.halt('fast');
      await sleep(300);
      await on.pg.start();
    },
    async 'the database crashes, again and again'() {
      for (let round = 0; round < 3; round++) {
        await sleep(200);
        await on.pg.halt('immediate');
        await on.pg.start();
      }
    },
    async 'a replica stands still for a while'(replicas) {
      await sleep(150);
      replicas[1]!.child.kill('SIGSTOP');
      await sleep(1500);
      replicas[1]!.child.kill('SIGCONT');
    },
  };

  describe('4 replicas, 16 clients each', () => {
    test.each(Object.keys(faults))(
      '%s: every answer is on the chain, once, and the chain is whole',
      async (fault) => {
        const url = await on.pg.database();
        const replicas = await several(4, url);
        const { json: root } = await replicas[0]!.tool('aga_create_artifact', { max_children: 100_000 });
        const answers = new Map<string, Set<string>>();
        /** As a client behind a proxy: the same request, to whoever is there, until it is answered. */
        const insist = async (name: string, first: number): Promise<void> => {
          const input = { parent_artifact_hash: root.artifact_hash, sub_agent_id: name, request_id: name };
          for (let attempt = 0; attempt < 400; attempt++) {
            const { status, json }: Answer = await replicas[(first + attempt) % 4]!.tool(
              'aga_delegate_to_subagent',
              input,
            );
            if (status === 200) {
              answers.set(name, (answers.get(name) ?? new Set()).add(json.child_artifact_hash));
              return;
            }
            expect([0, 503]).toContain(status);
            if (status === 503) expect(json.error).toMatchObject({ code: 'CHAIN_CONTENDED', retryable: true });
            await sleep(20);
          }
          throw new Error(`${name} was never answered`);
        };
        const work = Array.from({ length: 64 }, async (_, client) => {
          for (let i = 0; i < 4; i++) {
            await insist(`c${client}-${i}`, client);
            // Asked again elsewhere, it is the same answer.
            if (i % 3 === 0) await insist(`c${client}-${i}`, client + 1);
            await sleep(Math.random() * 60);
          }
        });
        await Promise.all([faults[fault]!(replicas, url), ...work]);
        expect([...answers.values()].filter((each) => each.size !== 1)).toEqual([]);
        const chain = await on.pg.sql(
          url,
          `SELECT (entry::json -> 'event' ->> 'child_artifact_hash') FROM aga.entries WHERE kind = 'DELEGATION'`,
        );
        expect(chain.map(([hash]) => hash).sort()).toEqual([...answers.values()].flatMap((each) => [...each]).sort());
        expect(chain).toHaveLength(256);
        for (const each of replicas) expect(await verified(each)).toBe(258);
      },
      90_000,
    );
  });

  test('any replica serves any request: what one did, the next one knows at once', async () => {
    const [a, b] = (await several(2, await on.pg.database())) as [Replica, Replica];
    const { json: root } = await a.tool('aga_create_artifact', { limits: { calls: 10 } });
    const act = { artifact_hash: root.artifact_hash, capability: 'tool.call', resource: 'files/read' };
    for (const each of [b, a, b, a]) expect((await each.post('/api/v1/authorize', act)).json.allowed).toBe(true);
    // A limit is exact, whoever asks whom.
    const asked = await Promise.all(
      Array.from({ length: 30 }, (_, i) => [a, b][i % 2]!.post('/api/v1/authorize', act)),
    );
    expect(asked.filter(({ json }) => json.allowed)).toHaveLength(6);
    expect(asked.filter(({ json }) => json.code === 'LIMIT_EXCEEDED')).toHaveLength(24);
    const { json: child } = await b.tool('aga_delegate_to_subagent', { parent_artifact_hash: root.artifact_hash });
    const ask = (each: Replica) =>
      each.tool('aga_check_permission', { ...act, artifact_hash: child.child_artifact_hash });
    expect((await ask(b)).json.code).toBe('LIMIT_EXCEEDED');
    await a.tool('aga_revoke_artifact', { artifact_hash: root.artifact_hash, reason: 'over' });
    expect((await ask(b)).json).toMatchObject({ allowed: false, code: 'ARTIFACT_REVOKED' });
    await verified(b);
  });

  test('a token is redeemed once, however many replicas are asked at once; its session is good at all of them', async () => {
    const replicas = await several(3, await on.pg.database());
    const { json: root } = await replicas[0]!.tool('aga_create_artifact', {});
    const { json: child } = await replicas[1]!.tool('aga_delegate_to_subagent', {
      parent_artifact_hash: root.artifact_hash,
      sub_agent_id: 'worker',
      enroll: true,
    });
    const enrollmentToken: string = child.enrollment.token;
    const tokenId = /^lt-delegate-([0-9a-f]+)/.exec(enrollmentToken)![1]!;
    const redeemed = await Promise.all(
      Array.from({ length: 50 }, (_, i) => {
        const key = signer(
          createHash('sha256')
            .update(`key ${i % 10}`)
            .digest(),
        );
        const body = { enrollmentToken, publicKey: toDidKey(key.publicKey), proof: proveHolder(tokenId, key) };
        return replicas[i % 3]!.post('/api/v1/agents/enroll', body);
      }),
    );
    const winners = redeemed.filter(({ status }) => status === 200);
    expect(winners).toHaveLength(5);
    expect(redeemed.filter(({ json }) => json.error?.code === 'TOKEN_USED')).toHaveLength(45);
    const { sessionToken } = winners[0]!.json;
    for (const each of replicas) {
      const answer = await each.post('/api/v1/tools/aga_inspect', { view: 'lineage' }, sessionToken);
      expect(answer.json.lineage).toHaveLength(2);
    }
    await verified(replicas[2]!);
  });

  test('a replica without the authority key decides and records, and does not issue', async () => {
    const url = await on.pg.database();
    const full = await replica(directory(), url);
    const { json: root } = await full.tool('aga_create_artifact', {});
    const { json: child } = await full.tool('aga_delegate_to_subagent', {
      parent_artifact_hash: root.artifact_hash,
      enroll: true,
    });
    const home = directory(full.home);
    rmSync(join(home, 'authority.key'));
    const lesser = await replica(home, url);
    const act = { artifact_hash: root.artifact_hash, capability: 'tool.call', resource: 'files/read' };
    expect((await lesser.post('/api/v1/authorize', act)).json.allowed).toBe(true);
    const no = await lesser.tool('aga_delegate_to_subagent', { parent_artifact_hash: root.artifact_hash });
    expect(no).toMatchObject({ status: 503, json: { error: { retryable: true, message: /no authority key/ } } });
    const key = signer(createHash('sha256').update('agent').digest());
    const { token } = child.enrollment;
    const proof = proveHolder(/^lt-delegate-([0-9a-f]+)/.exec(token)![1]!, key);
    const enrolled = await lesser.post('/api/v1/agents/enroll', {
      enrollmentToken: token,
      publicKey: toDidKey(key.publicKey),
      proof,
    });
    expect(enrolled.status).toBe(200);
    const revoked = await lesser.tool('aga_revoke_artifact', { artifact_hash: root.artifact_hash, reason: 'over' });
    expect(revoked.json).toMatchObject({ success: true, revoked_count: 2 });
    await verified(lesser);
    rmSync(join(home, 'replica.key'));
    const ended = await run(['--data-dir', home, 'keys'], { AGA_DATABASE_URL: url });
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toMatch(/authority key is missing/);
  });

  test('keys that are not those of GENESIS end the process, however it is started', async () => {
    const url = await on.pg.database();
    const first = await replica(directory(), url);
    const foreign = directory();
    expect((await run(['--data-dir', foreign, 'create'], {})).code).toBe(0);
    for (const args of [['keys'], ['serve', '--http', '127.0.0.1:0'], []]) {
      const ended = await run(['--data-dir', foreign, ...args], { AGA_DATABASE_URL: url });
      expect(ended).toMatchObject({ code: 1, out: '' });
      expect(ended.err).toMatch(/keys here are not those of GENESIS/);
      const bare = await run(['--data-dir', directory(), ...args], { AGA_DATABASE_URL: url });
      expect(bare).toMatchObject({ code: 1, out: '' });
      expect(bare.err).toMatch(/key is missing.*GENESIS/);
    }
    await verified(first);
  });

  test('replicas that begin a chain at once, each with keys of its own: one begins it, the others end', async () => {
    const url = await on.pg.database();
    const started = await Promise.allSettled(Array.from({ length: 3 }, () => replica(directory(), url)));
    const [first, ...more] = started.filter((each) => each.status === 'fulfilled');
    expect(more).toEqual([]);
    for (const each of started) if (each.status === 'rejected') expect(String(each.reason)).toMatch(/GENESIS/);
    await verified(first!.value);
  });

  test('keys come from secrets of the environment, or from a command', async () => {
    const url = await on.pg.database();
    const first = await replica(directory(), url);
    const pem = (name: string) => readFileSync(join(first.home, `${name}.key`), 'utf8');
    const der = (name: string) => pem(name).replaceAll(/-----.*-----|\s/g, '');
    const oneLine = pem('log').replaceAll('\n', '\\n');
    const sources: object[] = [
      { AGA_AUTHORITY_KEY: pem('authority'), AGA_LOG_KEY: oneLine },
      { AGA_AUTHORITY_KEY: der('authority'), AGA_LOG_KEY: der('log') },
      { AGA_REPLICA_KEY: pem('replica'), AGA_LOG_KEY: pem('log') },
      { AGA_KEY_COMMAND: `f() { cat "${first.home}/$1.key"; }; f` },
    ];
    for (const source of sources) {
      const home = directory();
      const { code, out, err } = await run(['--data-dir', home, 'keys', '--json'], {
        AGA_DATABASE_URL: url,
        ...source,
      });
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(JSON.parse(out).authority).toMatch(/^did:key:/);
    }
    const wrong = { AGA_DATABASE_URL: url, AGA_AUTHORITY_KEY: 'c2VjcmV0', AGA_LOG_KEY: pem('log') };
    const ended = await run(['--data-dir', directory(), 'keys'], wrong);
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).not.toContain('c2VjcmV0');
  });

  test('authorities of one database are chains of their own, with keys of their own', async () => {
    const url = await on.pg.database();
    const home = directory();
    const made = await Promise.all(
      ['default', 'red', 'blue'].map(async (name) => {
        const each = await replica(home, url, { AGA_AUTHORITY: name });
        const { json } = await each.tool('aga_create_artifact', { subject: name });
        return { each, json };
      }),
    );
    expect(new Set(made.map(({ json }) => json.issuer_public_key)).size).toBe(3);
    for (const { each, json } of made) {
      expect(await verified(each)).toBe(2);
      for (const other of made)
        expect((await each.tool('aga_inspect', { artifact_hash: other.json.artifact_hash })).status).toBe(
          other.json === json ? 200 : 404,
        );
    }
  });

  test('while the database is away calls answer CHAIN_CONTENDED; a retry finds the first outcome', async () => {
    const url = await on.pg.database();
    const home = directory();
    const session = await host(home, { env: { AGA_DATABASE_URL: url } });
    const { artifact_hash } = await session.call('aga_create_artifact');
    const input = { parent_artifact_hash: artifact_hash, request_id: 'r' };
    const first = await session.call('aga_delegate_to_subagent', input);
    await on.pg.halt('fast');
    const no = await refused(session.call('aga_delegate_to_subagent', input));
    expect(no).toMatchObject({ code: 'CHAIN_CONTENDED' });
    const query = { artifact_hash, capability: 'tool.call', resource: 'x' };
    expect(await refused(session.call('aga_check_permission', query))).toMatchObject({ code: 'CHAIN_CONTENDED' });
    await on.pg.start();
    expect(await session.call('aga_delegate_to_subagent', input)).toEqual(first);
    expect(session.stderr()).toBe('');
    const begun = performance.now();
    expect(await session.close()).toBe(0);
    expect(performance.now() - begun).toBeLessThan(2000);
  });

  test('a database that has lost what was committed: CHAIN_BROKEN for every further call, and it says what to do', async () => {
    const url = await on.pg.database();
    const [a, b] = (await several(2, url)) as [Replica, Replica];
    const { json: root } = await a.tool('aga_create_artifact', {});
    await on.pg.halt('fast');
    const standby = copyOf(on.pg);
    await on.pg.start();
    const input = { parent_artifact_hash: root.artifact_hash };
    for (const each of [a, b]) expect((await each.tool('aga_delegate_to_subagent', input)).status).toBe(200);
    await on.pg.halt('fast');
    // Another server takes over, which had not received the last transactions.
    standby.restore();
    await on.pg.start();
    for (let round = 0; round < 2; round++)
      for (const each of [a, b]) {
        const no = await each.tool('aga_delegate_to_subagent', input);
        expect(no).toMatchObject({ status: 500, json: { error: { code: 'CHAIN_BROKEN', retryable: false } } });
        expect(no.json.error.hint).toMatch(/verify/);
      }
    // Somebody who has seen nothing goes on; the chain grows past what was lost, and still does not fool the others.
    const late = await replica(directory(), url, {
      AGA_AUTHORITY_KEY: readFileSync(join(a.home, 'authority.key'), 'utf8'),
      AGA_LOG_KEY: readFileSync(join(a.home, 'log.key'), 'utf8'),
    });
    for (let i = 0; i < 4; i++) expect((await late.tool('aga_delegate_to_subagent', input)).status).toBe(200);
    for (const each of [a, b]) expect((await each.tool('aga_inspect', {})).json.error.code).toBe('CHAIN_BROKEN');
    const told = await a.tool('aga_verify', {});
    expect(told.json.valid).toBe(false);
    // A restart does not make it forget.
    await a.stop();
    await expect(replica(a.home, url)).rejects.toThrow(/CHAIN_BROKEN.*seen here before.*\n.*aga-delegate verify/);
  });

  test('what run gives a host is enough to find the database, also for hosts that hand on nothing else', async () => {
    const [a] = await several(1, await on.pg.database());
    const { json: root } = await a!.tool('aga_create_artifact', {});
    const asked = { parent_artifact_hash: root.artifact_hash, sub_agent_id: 'lead', enroll: true };
    const { json: lead } = await a!.tool('aga_delegate_to_subagent', asked);
    const asHost = `
      const { command, args, env } = JSON.parse(require('fs').readFileSync(process.argv[1])).mcpServers['aga-delegate'];
      const line = (id, method, params) => JSON.stringify({ jsonrpc: '2.0', id, method, params }) + '\\n';
      const handshake = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'h', version: '1' } };
      const input = line(1, 'initialize', handshake) + line(2, 'tools/call', { name: 'aga_inspect', arguments: {} });
      const { PATH } = process.env;
      console.log(String(require('child_process').spawnSync(command, args, { env: { PATH, ...env }, input }).stdout));`;
    const { token } = lead.enrollment;
    const command = [process.execPath, '-e', asHost, '{mcp_config}'];
    const { out } = await run(['--data-dir', a!.home, 'run', '--token', token, '--', ...command], {
      AGA_DATABASE_URL: a!.database,
    });
    expect(out).toContain(lead.child_artifact_hash);
  });

  test('no password of a database URL is ever told', async () => {
    const SECRET = 'very-secret-word';
    const url = new URL(await on.pg.database());
    url.password = SECRET;
    const tried: [string, string[]][] = [
      [url.href, ['doctor']],
      [url.href, ['keys', '--json']],
      [url.href.replace(/:\d+\//, ':1/'), ['verify', '--json']],
      [`postgres://u:${SECRET}@[/`, ['keys']],
      [`http://u:${SECRET}@h/`, ['doctor']],
    ];
    const told = await Promise.all(
      tried.map(([database, args]) => run(['--data-dir', directory(), ...args], { AGA_DATABASE_URL: database })),
    );
    for (const { out, err } of told) {
      expect(out + err).not.toBe('');
      expect(out + err).not.toContain(SECRET);
    }
  });
});
