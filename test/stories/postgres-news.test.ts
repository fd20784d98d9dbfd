/** What happens at one replica is felt at the others: calls end, streams go on, proofs are used up. */
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { assemble } from '../../src/assemble.ts';
import { operator } from '../../src/caller.ts';
import { agentKey, requestProof } from '../../src/client/index.ts';
import { enrolmentProof, freshSeed } from '../../src/client/key.ts';
import { settings } from '../../src/config.ts';
import { Lookout } from '../../src/service/lookout.ts';
import { directory } from '../scratch.ts';
import { onPostgres } from '../store/postgres.suite.ts';
import { start } from './host.ts';
import { OPERATOR, type Replica, replica } from './postgres.replicas.ts';
import { clean } from './program.ts';

const EVERYTHING = join(
  import.meta.dirname,
  '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
);

onPostgres('news between replicas', (on) => {
  const two = async (url: string, args: readonly string[] = []): Promise<[Replica, Replica]> => {
    const first = await replica(directory(), url, {}, args);
    return [first, await replica(directory(first.home), url, {}, args)];
  };
  const verified = async (by: Replica): Promise<void> =>
    expect((await by.tool('aga_verify', {})).json).toMatchObject({ valid: true, findings: [] });
  /** Ends every connection that only listens. */
  const deafen = (url: string) =>
    on.pg.sql(
      url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND (query LIKE 'LISTEN%' OR query = 'SELECT')`,
    );

  test.each([
    ['', async () => {}],
    [', while nobody can listen', deafen],
  ] as const)(
    'a call that runs is over within a second after a revocation elsewhere%s',
    async (_, disturb) => {
      const url = await on.pg.database();
      const a = await replica(directory(), url);
      const { json: root } = await a.tool('aga_create_artifact', { permissions: { 'tool.call': ['every/**'] } });
      const { json: child } = await a.tool('aga_delegate_to_subagent', {
        parent_artifact_hash: root.artifact_hash,
        permissions: { 'tool.call': ['every/**'] },
      });
      const config = join(directory(a.home), 'aga.json');
      writeFileSync(
        config,
        JSON.stringify({ upstreams: { every: { command: process.execPath, args: [EVERYTHING] } } }),
      );
      const agent = await start(directory(a.home), {
        env: { AGA_DATABASE_URL: url },
        args: ['--config', config, '--artifact', child.child_artifact_hash],
      });
      const name = 'every__trigger-long-running-operation';
      const short = await agent.request('tools/call', { name, arguments: { duration: 0.05, steps: 1 } });
      expect(short.result?.isError).not.toBe(true);
      let ended = Number.POSITIVE_INFINITY;
      const long = agent.request('tools/call', { name, arguments: { duration: 20, steps: 2 } }).finally(() => {
        ended = performance.now();
      });
      await sleep(300);
      await disturb(url);
      await a.tool('aga_revoke_artifact', { artifact_hash: root.artifact_hash, reason: 'over' });
      const revoked = performance.now();
      const { result } = await long;
      expect(JSON.parse(result?.content[0].text).error.code).toBe('ARTIFACT_REVOKED');
      expect(ended - revoked).toBeLessThan(1000);
      await verified(a);
    },
    30_000,
  );

  test('who watches an artifact need not look: it is told', async () => {
    const url = await on.pg.database();
    const a = await replica(directory(), url);
    const { json: root } = await a.tool('aga_create_artifact', {});
    const env = { ...clean(), AGA_DATABASE_URL: url };
    const here = await assemble(settings({ 'data-dir': directory(a.home) }, env, process.platform));
    onTestFinished(() => here.close());
    // The timer by which it would find out by itself never fires.
    vi.useFakeTimers({ toFake: ['setInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const lookout = new Lookout(here.service);
    onTestFinished(() => lookout.close());
    let code = '';
    lookout.onEnded(root.artifact_hash, (refusal) => {
      code = refusal.code;
    });
    await sleep(300);
    await a.tool('aga_revoke_artifact', { artifact_hash: root.artifact_hash, reason: 'over' });
    await expect.poll(() => code, { timeout: 5000 }).toBe('ARTIFACT_REVOKED');
    // And an installation that nobody calls follows when it is told to.
    const seen = await here.service.askAnyone<number>({
      name: 'seen',
      caller: operator(),
      writes: false,
      decide: ({ state }) => ({ answer: state.grants.size }),
    });
    expect(seen).toBe(1);
  }, 30_000);

  test('a stream at one replica shows what happens at another, whether or not it can be told', async () => {
    const url = await on.pg.database();
    const [a, b] = await two(url);
    const { json: root } = await a.tool('aga_create_artifact', { max_children: 100 });
    const aborted = new AbortController();
    onTestFinished(() => aborted.abort());
    const response = await fetch(`${b.url}/api/v1/chain/events`, {
      headers: { authorization: `Bearer ${OPERATOR}`, accept: 'text/event-stream' },
      signal: aborted.signal,
    });
    let text = '';
    void (async () => {
      for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk);
    })().catch(() => undefined);
    for (let round = 0; round < 8; round++) {
      if (round % 2 === 1) await deafen(url);
      const made = await a.tool('aga_delegate_to_subagent', { parent_artifact_hash: root.artifact_hash });
      const begun = performance.now();
      const line = `"child_artifact_hash":"${made.json.child_artifact_hash}"`;
      await expect.poll(() => text.includes(line), { interval: 5, timeout: 3000 }).toBe(true);
      expect(performance.now() - begun).toBeLessThan(1000);
    }
    const numbers = [...text.matchAll(/^id: (\d+)$/gm)].map(([, number]) => Number(number));
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => numbers[0]! + i));
    await verified(b);
  }, 30_000);

  test('a proof that was used at one replica is refused at another', async () => {
    const url = await on.pg.database();
    const PUBLIC = 'https://authority.example.com';
    const [a, b] = await two(url, ['--public-url', PUBLIC]);
    const { json: root } = await a.tool('aga_create_artifact', {});
    const { json: child } = await a.tool('aga_delegate_to_subagent', {
      parent_artifact_hash: root.artifact_hash,
      permitted_tools: ['files/*'],
      enroll: true,
    });
    const key = agentKey(freshSeed());
    const { token } = child.enrollment;
    const { json: enrolled } = await b.post('/api/v1/agents/enroll', {
      enrollmentToken: token,
      publicKey: key.id,
      proof: enrolmentProof(/^lt-delegate-([0-9a-f]{32})/.exec(token)![1]!, key),
    });
    const path = '/api/v1/authorize';
    const body = JSON.stringify({ capability: 'tool.call', resource: 'files/read' });
    /** As a proxy passes it on: the host is the one that the client has asked for. */
    const ask = (at: Replica, dpop: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const headers = {
          host: new URL(PUBLIC).host,
          'content-type': 'application/json',
          authorization: `Bearer ${enrolled.sessionToken}`,
          dpop,
        };
        request(`${at.url}${path}`, { method: 'POST', headers }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        })
          .on('error', reject)
          .end(body);
      });
    const prove = () => requestProof(key, { method: 'POST', url: PUBLIC + path, body, token: enrolled.sessionToken });
    const used = prove();
    expect(await ask(a, used)).toBe(200);
    expect(await ask(b, used)).toBe(401);
    expect(await ask(a, used)).toBe(401);
    expect(await ask(b, prove())).toBe(200);
    // At once, at both: one has it.
    for (let round = 0; round < 5; round++) {
      const one = prove();
      const asked = await Promise.all([a, b, a, b, a, b].map((each) => ask(each, one)));
      expect(asked.filter((status) => status === 200)).toHaveLength(1);
      expect(asked.filter((status) => status === 401)).toHaveLength(5);
    }
    await verified(b);
  }, 30_000);

  test('a replica that stands still with the right to append: the others go on, and it learns what became of its calls', async () => {
    const url = await on.pg.database();
    const [a, b] = await two(url);
    const { json: root } = await a.tool('aga_create_artifact', { max_children: 100_000 });
    const delegate = (at: Replica, name: string) =>
      at.tool('aga_delegate_to_subagent', {
        parent_artifact_hash: root.artifact_hash,
        sub_agent_id: name,
        request_id: name,
      });
    const holds = async (): Promise<boolean> =>
      (
        await on.pg.sql(
          url,
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`,
        )
      ).length > 0;
    const answers = new Map<string, Promise<{ status: number; json: any }>>();
    let isHeld = false;
    for (let i = 0; !isHeld && i < 300; i++) {
      for (let j = 0; j < 8; j++) answers.set(`${i}-${j}`, delegate(a, `${i}-${j}`));
      await sleep(Math.random() * 20);
      a.child.kill('SIGSTOP');
      await sleep(5);
      isHeld = await holds();
      if (!isHeld) a.child.kill('SIGCONT');
      if (!isHeld && i % 10 === 9) await Promise.all(answers.values());
    }
    expect(isHeld).toBe(true);
    const begun = performance.now();
    for (let status = 0; status !== 200; ) {
      const answer = await delegate(b, 'meanwhile');
      status = answer.status;
      if (status !== 200) expect(answer).toMatchObject({ status: 503, json: { error: { code: 'CHAIN_CONTENDED' } } });
      expect(performance.now() - begun).toBeLessThan(20_000);
    }
    a.child.kill('SIGCONT');
    for (const [name, answered] of answers) {
      const { status, json } = await answered;
      // A request that was only half read when it stood still has taken too long; a socket may have given up.
      expect([200, 503, 408, 0]).toContain(status);
      // Asked again, here or there, it is one and the same.
      const again = await delegate(b, name);
      expect(again.status).toBe(200);
      if (status === 200) expect(again.json.child_artifact_hash).toBe(json.child_artifact_hash);
    }
    const made = await on.pg.sql(url, `SELECT count(*) FROM aga.entries WHERE kind = 'DELEGATION'`);
    expect(Number(made[0]![0])).toBe(answers.size + 1);
    await verified(a);
    await verified(b);
  }, 60_000);
});
