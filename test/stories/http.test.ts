/** The authority as an operator runs it: processes of the built program, and clients of their own. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Agent, connect } from '../../src/client/index.ts';
import { thrown } from '../client/thrown.ts';
import { directory } from '../scratch.ts';
import { type Host, host } from './host.ts';
import { run, type Served, served } from './program.ts';

const OPERATOR = 'the-operator-token-of-this-story';

const serve = (path: string, env: object = { AGA_OPERATOR_TOKEN: OPERATOR }): Promise<Served> =>
  served(['--data-dir', path], env);

/** A tool of the authority, as its operator. */
async function tool(url: string, name: string, input: object, token = OPERATOR): Promise<any> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/api/v1/tools/${name}`, { method: 'POST', headers, body: JSON.stringify(input) });
  return response.json();
}

async function coordinatorToken(url: string, changes: object = {}): Promise<string> {
  const root = await tool(url, 'aga_create_artifact', {});
  const input = {
    parent_artifact_hash: root.artifact_hash,
    sub_agent_id: 'lead',
    policy_preset: 'coordinator',
    enroll: true,
  };
  return (await tool(url, 'aga_delegate_to_subagent', { ...input, ...changes })).enrollment.token;
}

describe('serve', () => {
  it('shows the operator token that it makes also where it cannot listen', async () => {
    const other = await serve(directory());
    const dir = directory();
    const { code, err } = await run(['--data-dir', dir, 'serve', '--http', new URL(other.url).host]);
    expect(code).toBe(1);
    expect(err).toMatch(/^operator token: (\S{22,})\naga-delegate: Cannot listen on .*: EADDRINUSE\.\n$/);
    await other.stop();
    const again = await serve(dir, {});
    const token = /^operator token: (\S+)$/m.exec(err)?.[1] ?? '';
    expect((await tool(again.url, 'aga_create_artifact', {}, token)).success).toBe(true);
    await again.stop();
  });

  it('shows its operator token once, keeps a hash of it, and ends in peace', async () => {
    const dir = directory();
    const first = await serve(dir, {});
    const token = /^operator token: (\S+)$/m.exec(first.said.err)?.[1] ?? '';
    expect(token.length).toBeGreaterThanOrEqual(22);
    expect((await tool(first.url, 'aga_create_artifact', {}, token)).success).toBe(true);
    expect((await tool(first.url, 'aga_create_artifact', {}, `${token}x`)).error.code).toBe('UNAUTHENTICATED');
    const began = performance.now();
    expect(await first.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(2000);
    const second = await serve(dir, {});
    expect(second.said.err).not.toContain('operator token');
    expect((await tool(second.url, 'aga_create_artifact', {}, token)).success).toBe(true);
    expect(await second.stop('SIGINT')).toBe(0);
    expect(second.said.out).toBe('');
    const third = await serve(dir);
    expect(third.said.err).not.toContain('operator token');
    expect((await tool(third.url, 'aga_create_artifact', {}, token)).error.code).toBe('UNAUTHENTICATED');
    expect((await tool(third.url, 'aga_create_artifact', {})).success).toBe(true);
    await third.stop();
    for (const name of readdirSync(dir)) {
      const file = join(dir, name);
      if (!statSync(file).isFile()) continue;
      expect([name, statSync(file).mode & 0o077]).toEqual([name, 0]);
      expect(readFileSync(file, 'latin1')).not.toContain(token);
    }
  });

  it('says in one line why it does not start', async () => {
    const THIS = import.meta.filename;
    const dir = directory();
    const at = ['--data-dir', dir, 'serve'];
    const taken = await serve(dir);
    for (const [args, env, code, message] of [
      [['--http', taken.url.slice('http://'.length)], {}, 1, /Cannot listen/],
      [['--http', 'x'], {}, 2, /HOST:PORT/],
      [['--http', '0.0.0.0:0'], {}, 2, /--public-url/],
      [['--http', '0.0.0.0:0', '--public-url', 'https://a.example'], {}, 2, /--tls-cert/],
      [['--http', '127.0.0.1:0', '--tls-cert', 'x'], {}, 2, /belong together/],
      [['--http', '127.0.0.1:0', '--tls-cert', 'x', '--tls-key', 'y'], {}, 1, /Cannot read x/],
      [['--http', '127.0.0.1:0', '--tls-cert', THIS, '--tls-key', THIS], {}, 1, /^aga-delegate: .*--tls-cert.*\n$/],
      [[], { AGA_OPERATOR_TOKEN: 'short' }, 1, /at least 22/],
      [[], { AGA_OPERATOR_TOKEN: '' }, 1, /at least 22/],
    ] as const) {
      const { code: exit, out, err } = await run([...at, ...args], env);
      expect([args, exit, out]).toEqual([args, code, '']);
      expect(err).toMatch(message);
    }
    await taken.stop();
  });
});

describe('two servers on one chain', () => {
  const dir = directory();
  let servers: [Served, Served];
  beforeAll(async () => {
    servers = await Promise.all([serve(dir), serve(dir)]);
  });
  afterAll(async () => {
    await Promise.all(servers.map((each) => each.stop()));
  });

  it('give one winner of fifty, also when one of them is started anew', async () => {
    const [a, b] = servers;
    const token = await coordinatorToken(a.url);
    const attempts = Array.from({ length: 50 }, (_, n) => connect({ server: n % 2 ? a.url : b.url, token }));
    const settled = await Promise.allSettled(attempts);
    const won = settled.filter((each) => each.status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const each of settled) if (each.status === 'rejected') expect(each.reason.code).toBe('TOKEN_USED');
    await b.stop();
    servers[1] = await serve(dir);
    expect(await thrown(connect({ server: servers[1].url, token }))).toMatchObject({ code: 'TOKEN_USED' });
    const { key, agentId } = (won[0] as PromiseFulfilledResult<Agent>).value;
    // Who won at the one that is gone goes on at the other.
    const winner = await connect({ server: a.url, token, key });
    expect(winner.agentId).toBe(agentId);
    expect((await winner.inspect()).status.phase).toBe('Active');
  });

  it('accept one another’s agents, and end them at once', async () => {
    const [a, b] = servers;
    const lead = await connect({ server: a.url, token: await coordinatorToken(b.url) });
    const minted = await lead.delegate({ subAgentName: 'worker' });
    const worker = await connect({ server: b.url, token: minted.enrollmentToken });
    const again = await connect({ server: a.url, token: minted.enrollmentToken, key: worker.key });
    expect(again.agentId).toBe(worker.agentId);
    expect((await again.inspect()).status.phase).toBe('Active');
    await lead.revoke('worker');
    expect(await thrown(worker.authorize({ capability: 'tool.call', resource: 'a/b' }))).toMatchObject({
      code: 'ARTIFACT_REVOKED',
    });
    const { findings } = await tool(a.url, 'aga_verify', { target: 'chain' });
    expect(findings).toEqual([]);
  });

  it('let one of them have a name', async () => {
    const [a, b] = servers;
    const token = await coordinatorToken(a.url);
    const lead = await connect({ server: a.url, token });
    const twin = await connect({ server: b.url, token, key: lead.key });
    const tried = Array.from({ length: 20 }, (_, n) => (n % 2 ? lead : twin).delegate({ subAgentName: 'one' }));
    const settled = await Promise.allSettled(tried);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('a stdio session with a token', () => {
  const dir = directory();
  const away = directory();
  let server: Served;
  const hosts: Host[] = [];
  const session = async (path: string, env: { [name: string]: string }, args: string[] = []) => {
    const opened = await host(path, { env, args });
    hosts.push(opened);
    return opened;
  };
  beforeAll(async () => {
    server = await serve(dir);
  });
  afterAll(async () => {
    await Promise.all(hosts.map((each) => each.close()));
    await server.stop();
  });

  it('redeems it with its first question, and its twin is the same agent', async () => {
    const token = await coordinatorToken(server.url);
    const phase = async () => {
      const list: any = await (
        await fetch(`${server.url}/api/v1/agents`, { headers: { authorization: `Bearer ${OPERATOR}` } })
      ).json();
      return list.items.at(-1).status.phase;
    };
    const [one, two] = await Promise.all([session(dir, { AGA_TOKEN: token }), session(dir, {}, ['--token', token])]);
    expect(await phase()).toBe('Pending');
    const answers = await Promise.all([
      one.call('aga_inspect', { view: 'lineage' }),
      two.call('aga_inspect', { view: 'lineage' }),
    ]);
    expect(answers[0].artifact_hash).toBe(answers[1].artifact_hash);
    expect(await phase()).toBe('Active');
    expect(readdirSync(join(dir, 'agents'))).toHaveLength(1);
    await expect(one.call('aga_create_artifact')).rejects.toMatchObject({ body: { code: 'NOT_OPERATOR' } });
    await tool(server.url, 'aga_revoke_artifact', { artifact_hash: answers[0].artifact_hash, reason: 'done' });
    for (const each of [one, two]) {
      await expect(each.call('aga_inspect')).rejects.toMatchObject({ body: { code: 'ARTIFACT_REVOKED' } });
    }
  });

  it('works at another authority, signs every call, and keeps nothing but its key', async () => {
    const token = await coordinatorToken(server.url);
    const remote = await session(away, { AGA_TOKEN: token, AGA_URL: server.url });
    const { result } = await remote.request('tools/list');
    expect(result?.tools.map(({ name }: { name: string }) => name)).toContain('aga_delegate_to_subagent');
    const child = await remote.call('aga_delegate_to_subagent', { sub_agent_id: 'below', permitted_tools: ['a/*'] });
    expect(child.success).toBe(true);
    await expect(remote.call('aga_create_artifact')).rejects.toMatchObject({ body: { code: 'NOT_OPERATOR' } });
    const unknown = await remote.request('tools/call', { name: 'nothing', arguments: {} });
    expect(unknown.error?.code).toBe(-32602);
    const resource = await remote.request('resources/read', { uri: 'aga://chain/checkpoint' });
    expect(resource.result?.contents[0].text).toContain('aga-delegate/default');
    expect((await remote.request('prompts/list')).result?.prompts).toHaveLength(1);
    const { error } = await remote.request('prompts/get', { name: 'delegate-task', arguments: {} });
    expect(error).toMatchObject({ code: -32602, message: expect.stringContaining('"task"') });
    expect(readdirSync(away)).toEqual(['agents']);
    // What it does over there, it does as the holder of its key.
    const refusals = await tool(server.url, 'aga_query_chain', { kind: 'REFUSAL', limit: 500 });
    expect(refusals.entries.at(-1).event).toMatchObject({ code: 'NOT_OPERATOR', binding: 'proof' });
  });

  it('never becomes the operator', async () => {
    const token = await coordinatorToken(server.url);
    const good = `${token.slice(0, -1)}${token.endsWith('A') ? 'E' : 'A'}`;
    for (const env of [
      { AGA_TOKEN: '' },
      { AGA_TOKEN: 'x' },
      { AGA_TOKEN: good },
      { AGA_URL: server.url },
      { AGA_URL: 'x', AGA_TOKEN: token },
    ]) {
      const { code, out } = await run(['--data-dir', dir], env);
      expect([env, code, out]).toEqual([env, 1, '']);
    }
    // Redeemed by somebody else before: every call says so.
    await connect({ server: server.url, token });
    for (const env of [{ AGA_TOKEN: token }, { AGA_TOKEN: token, AGA_URL: server.url }]) {
      const late = await session(env.AGA_URL ? away : dir, env);
      expect((await late.request('tools/list')).result?.tools).toEqual([]);
      await expect(late.call('aga_inspect')).rejects.toMatchObject({ body: { code: 'TOKEN_USED' } });
      await expect(late.call('aga_create_artifact')).rejects.toMatchObject({ body: { code: 'TOKEN_USED' } });
    }
  });
});

describe('agents from files', () => {
  const dir = directory();
  let server: Served;
  const at = ['--data-dir', dir];
  const yaml = (name: string, spec: string) => {
    const path = join(dir, `${name}.yaml`);
    writeFileSync(path, `apiVersion: example/v1\nkind: AgentIdentity\nmetadata:\n  name: ${name}\nspec:\n  ${spec}\n`);
    return path;
  };
  beforeAll(async () => {
    server = await serve(dir);
  });
  afterAll(async () => {
    await server.stop();
  });

  it('are applied, again with the same answer, and listed', async () => {
    const lead = await run([...at, 'apply', '-f', yaml('lead', 'policyPreset: coordinator'), '--json']);
    expect([lead.code, lead.err]).toEqual([0, '']);
    const worker = yaml('worker', 'parentRef: {name: lead}\n  ttl: 10m');
    const first = JSON.parse((await run([...at, 'apply', '-f', worker, '--json'])).out);
    expect(first).toMatchObject({ agentName: 'worker', parentRef: { name: 'lead', namespace: 'default' } });
    const remotely = await run(['apply', '-f', worker, '--json'], {
      AGA_URL: server.url,
      AGA_OPERATOR_TOKEN: OPERATOR,
    });
    expect(JSON.parse(remotely.out)).toEqual(first);
    expect((await run([...at, 'apply', '-f', worker])).out).toContain(first.enrollmentToken);
    // Documents that hold nothing are none: a file that was cut from a longer one.
    writeFileSync(worker, `---\n${readFileSync(worker, 'utf8')}---\n# the end\n...\n`);
    expect((await run([...at, 'apply', '-f', worker])).out).toContain(first.enrollmentToken);
    const list = JSON.parse((await run([...at, 'agents', '--json'])).out);
    expect(list.kind).toBe('AgentIdentityList');
    expect(list.items.map((item: any) => [item.metadata.name, item.status.phase])).toEqual([
      ['lead', 'Active'],
      ['lead', 'Pending'],
      ['worker', 'Pending'],
    ]);
    const other = await run([
      ...at,
      'apply',
      '-f',
      yaml('worker', 'parentRef: {name: lead}\n  policyPreset: isolated'),
    ]);
    expect([other.code, other.err]).toEqual([1, expect.stringContaining('NAME_TAKEN')]);
    const seen = await run(['agents'], { AGA_URL: server.url, AGA_OPERATOR_TOKEN: OPERATOR });
    expect(seen.out).toContain('worker');
  });

  it('have the parent that is meant, not one below it that took its name', async () => {
    const json = async (...args: string[]) => JSON.parse((await run([...at, ...args, '--json'])).out);
    const hash = async () => (await json('apply', '-f', yaml('late', 'parentRef: {name: lead}'))).artifactHash;
    const { items } = await json('agents');
    const lead = items.find((item: any) => item.metadata.name === 'lead' && item.spec.parentRef).status.artifactHash;
    await json('delegate', '--parent-artifact-hash', lead, '--sub-agent-id', 'lead', '--policy-preset', 'coordinator');
    const { lineage } = await json('inspect', await hash(), '--view', 'lineage');
    expect(lineage.at(-2).artifact_hash).toBe(lead);
  });

  it('have a root for their parent, though an agent far below took its name', async () => {
    const json = async (...args: string[]) => JSON.parse((await run([...at, ...args, '--json'])).out);
    const under = ['--policy-preset', 'coordinator', '--parent-artifact-hash'];
    const boss = await json('create', '--subject', 'boss');
    const kid = await json('delegate', '--sub-agent-id', 'kid', ...under, boss.artifact_hash);
    await json('delegate', '--sub-agent-id', 'boss', ...under, kid.child_artifact_hash);
    const { artifactHash } = await json('apply', '-f', yaml('staff', 'parentRef: {name: boss}'));
    const { lineage } = await json('inspect', artifactHash, '--view', 'lineage');
    expect(lineage.map(({ depth, subject }: any) => [depth, subject])).toEqual([
      [0, 'boss'],
      [1, 'staff'],
    ]);
  });

  it('are made anew when they have ended, once, and under another parent of the name', async () => {
    const json = async (...args: string[]) => JSON.parse((await run([...at, ...args, '--json'])).out);
    const { child_artifact_hash: chief } = await json(
      ...['delegate', '--parent-artifact-hash', (await json('create')).artifact_hash],
      ...['--sub-agent-id', 'chief', '--policy-preset', 'coordinator'],
    );
    for (const spec of ['parentRef: {name: chief}', 'policyPreset: isolated']) {
      const file = yaml(spec.includes('chief') ? 'heir' : 'orphan', spec);
      const first = (await json('apply', '-f', file)).artifactHash;
      let last = first;
      for (let round = 0; round < 2; round++) {
        await json('revoke', last, '--yes');
        const again = await Promise.all(Array.from({ length: 3 }, () => json('apply', '-f', file)));
        again.push(await json('apply', '-f', file));
        expect(new Set(again.map(({ artifactHash }) => artifactHash)).size).toBe(1);
        expect(again[0].artifactHash).not.toBe(last);
        last = again[0].artifactHash;
      }
    }
    await json('revoke', chief, '--yes');
    await json(
      ...['delegate', '--parent-artifact-hash', (await json('create')).artifact_hash],
      ...['--sub-agent-id', 'chief', '--policy-preset', 'coordinator'],
    );
    const heir = yaml('heir', 'parentRef: {name: chief}');
    expect((await json('apply', '-f', heir)).enrollmentToken).toBe((await json('apply', '-f', heir)).enrollmentToken);
  }, 60_000);

  it('are found by their names, not the roots that were made for them', async () => {
    const list = JSON.parse((await run([...at, 'agents', '--json'])).out).items;
    const own = list.find((item: any) => item.metadata.name === 'lead' && item.spec.parentRef?.name === 'lead');
    const response = await fetch(`${server.url}/api/v1/agents/lead`, {
      headers: { authorization: `Bearer ${OPERATOR}` },
    });
    expect((await response.json()).metadata.uid).toBe(own.metadata.uid);
  });

  it('are refused with what is wrong', async () => {
    for (const [name, spec] of [
      ['a', 'ttl: 1d'],
      ['a', 'tlt: 10m'],
      ['a', 'parentRef: {name: nobody}'],
      ['A_B', 'ttl: 10m'],
      ['a', 'ttl: 10m\n  ttl: 20m'],
      ['a', 'policyPreset: root'],
      ['a', 'ttl: !!js/function "10m"'],
    ] as const) {
      const { code, out } = await run([...at, 'apply', '-f', yaml(name, spec)]);
      expect([spec, code, out]).toEqual([spec, 1, '']);
    }
    expect(await run([...at, 'apply', '-f', join(dir, 'none.yaml')])).toMatchObject({
      code: 1,
      err: expect.stringContaining('none.yaml cannot be read (ENOENT)'),
    });
    expect((await run([...at, 'apply', '-f', yaml('a', '\tttl: 10m')])).err).toContain('line 6');
    expect((await run([...at, 'apply', '-f', yaml('a', 'ttl: !own 10m')])).err).toMatch(
      /^INVALID_REQUEST: .* line 6 \(TAG_RESOLVE_FAILED\)\.\n[^\n]+\n$/,
    );
    const two = yaml('a', 'ttl: 10m\n---\nkind: AgentIdentity');
    expect((await run([...at, 'apply', '-f', two])).err).toContain('2 documents');
    expect((await run([...at, 'apply'])).code).toBe(2);
  });

  it('leave nothing alive when they are refused', async () => {
    const live = async () => JSON.parse((await run([...at, 'agents', '--json'])).out).items;
    const before = await live();
    expect((await run([...at, 'apply', '-f', yaml('b', 'policyPreset: root')])).code).toBe(1);
    const after = await live();
    expect(after.slice(before.length).map(({ status }: any) => status.phase)).toEqual(['Revoked']);
    expect((await run([...at, 'apply', '-f', yaml('b', 'policyPreset: isolated')])).code).toBe(0);
    const count = (await live()).length;
    const other = await run([...at, 'apply', '-f', yaml('b', 'policyPreset: sandboxed')]);
    expect([other.code, other.err]).toEqual([1, expect.stringContaining('NAME_TAKEN')]);
    expect(await live()).toHaveLength(count);
  });

  it('are of the namespace that the authority is, or refused', async () => {
    const placed = (namespace: string) => {
      const path = yaml('c', 'policyPreset: isolated');
      writeFileSync(path, readFileSync(path, 'utf8').replace('name: c', `name: c\n  namespace: ${namespace}`));
      return path;
    };
    const foreign = await run([...at, 'apply', '-f', placed('elsewhere')]);
    expect([foreign.code, foreign.err]).toEqual([1, expect.stringContaining('metadata.namespace')]);
    const own = await run([...at, 'apply', '-f', placed('default'), '--json']);
    expect(JSON.parse(own.out).parentRef).toEqual({ name: 'c', namespace: 'default' });
  });
});

describe('run', () => {
  const dir = directory();
  let server: Served;
  beforeAll(async () => {
    server = await serve(dir);
  });
  afterAll(async () => {
    await server.stop();
  });
  const node = (code: string) => ['--', process.execPath, '-e', code];

  it('passes on environment, input and exit code, and no secret of the operator', async () => {
    const token = await coordinatorToken(server.url);
    const show =
      'process.stdin.on("data", (d) => console.log(String(d), JSON.stringify(process.env))); process.exitCode = 7';
    const env = { AGA_OPERATOR_TOKEN: OPERATOR, AGA_OWNER_URL: 'postgres://owner:secret@localhost/aga' };
    const { code, out } = await run(['--data-dir', dir, 'run', '--token', token, ...node(show)], env, 'said');
    expect(code).toBe(7);
    expect(out).toMatch(/^said /);
    const seen = JSON.parse(out.slice(out.indexOf('{')));
    expect(seen).toMatchObject({ AGA_TOKEN: token, AGA_DATA_DIR: dir, AGA_AGENT_NAME: 'lead' });
    for (const name of Object.keys(env)) expect(seen).not.toHaveProperty(name);
    const missing = await run(['--data-dir', dir, 'run', '--token', token, '--', '/no/such/command']);
    expect(missing.code).toBe(127);
    expect((await run(['--data-dir', dir, 'run', '--', 'true'])).code).toBe(2);
    expect((await run(['--data-dir', dir, 'run', '--token', token])).code).toBe(2);
  });

  it('gives a host the gateway as its only server', async () => {
    const token = await coordinatorToken(server.url);
    const read = 'console.log(require("fs").readFileSync(process.argv[1], "utf8"))';
    const { out } = await run(['--data-dir', dir, 'run', '--token', token, ...node(read), '{mcp_config}']);
    const { mcpServers } = JSON.parse(out);
    expect(Object.keys(mcpServers)).toEqual(['aga-delegate']);
    expect(mcpServers['aga-delegate'].env.AGA_TOKEN).toBe(token);
  });

  it('lets the gateway work with the configuration that it was given itself', async () => {
    const [flag, env] = ['flag.json', 'env.json'].map((name) => join(directory(), name));
    for (const file of [flag!, env!]) writeFileSync(file, '{}');
    const token = await coordinatorToken(server.url);
    const args = ['--data-dir', dir, 'run', '--token', token, ...node('console.log(process.env.AGA_CONFIG)')];
    expect((await run(['--config', flag!, ...args], { AGA_CONFIG: env! })).out).toBe(`${flag}\n`);
    expect((await run(args, { AGA_CONFIG: env! })).out).toBe(`${env}\n`);
    expect((await run(args)).out).toBe('undefined\n');
  });

  it.each(['local', 'remote'])('ends the command within five seconds of its authority: %s', async (where) => {
    const token = await coordinatorToken(server.url);
    const id = token.slice('lt-delegate-'.length).split('.')[0];
    const env = where === 'remote' ? { AGA_URL: server.url } : {};
    const stubborn = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)';
    const running = run(['--data-dir', dir, 'run', '--token', token, ...node(stubborn)], env);
    for (let tries = 0; tries < 100; tries++) {
      const { status }: any = await (
        await fetch(`${server.url}/api/v1/agents/${id}`, { headers: { authorization: `Bearer ${OPERATOR}` } })
      ).json();
      if (status.phase === 'Active') break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const began = performance.now();
    await fetch(`${server.url}/api/v1/agents/${id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${OPERATOR}` },
    });
    const { code, err } = await running;
    expect(performance.now() - began).toBeLessThan(5000);
    expect(code).toBe(128 + 9);
    expect(err).toContain('was revoked');
  });
});
