/** What happens to a real session when something is wrong: each trigger, fired by a real upstream that changed its tools. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { agentKey, connect, requestProof } from '../../src/client/index.ts';
import { enrolmentProof, freshSeed } from '../../src/client/key.ts';
import { directory } from '../scratch.ts';
import { type Host, start } from './host.ts';
import { SERVER, served } from './program.ts';

const HOSTILE = join(import.meta.dirname, '../edge/gateway/hostile.ts');
const MEASURED = ['CONFIG_MANIFEST'];
const ALL = { 'tool.call': ['up/*', 'away/*'], 'net.fetch': ['**'], 'agent.delegate': ['*', '*@*'] };

type Result = { isError?: boolean; content: { text: string }[] };
const use = async (agent: Host, name: string, args: object = {}): Promise<Result> =>
  (await agent.request('tools/call', { name: `up__${name}`, arguments: args })).result as unknown as Result;
const codeOf = ({ isError, content }: Result): string | null =>
  isError ? JSON.parse(content[0]!.text).error.code : null;
const textOf = ({ content }: Result): string => content[0]!.text;
const upstreamTools = async (agent: Host): Promise<number> => {
  const { result } = await agent.request('tools/list');
  return result?.tools.filter(({ name }: { name: string }) => name.includes('__')).length;
};

interface Scene {
  readonly data: string;
  /** What has reached the upstreams. */
  readonly log: string;
  readonly lead: Host;
  readonly root: string;
  readonly child: string;
  readonly sibling: string;
  readonly grandchild: string;
  start(args?: readonly string[], env?: { readonly [name: string]: string }): Promise<Host>;
  /** Of the TRIGGER entries, in order. */
  triggers(): Promise<string[]>;
  cli(...args: string[]): string;
}

async function scene(duty: string, config: object = {}): Promise<Scene> {
  const path = directory();
  const file = join(path, 'aga-delegate.json');
  const log = join(path, 'log');
  writeFileSync(log, '');
  const upstreams = { up: { command: process.execPath, args: [HOSTILE], env: { HOSTILE_LOG: log } } };
  writeFileSync(file, JSON.stringify({ upstreams, ...config }));
  const data = join(path, 'data');
  const begin: Scene['start'] = (args = [], env = {}) => start(data, { args: ['--config', file, ...args], env });
  const lead = await begin();
  const duties = { enforcement_triggers: [duty], measurement_types: MEASURED };
  const root = await lead.call('aga_create_artifact', { permissions: ALL, ...duties });
  const below = async (parent: string): Promise<string> =>
    (await lead.call('aga_delegate_to_subagent', { parent_artifact_hash: parent, permissions: ALL }))
      .child_artifact_hash;
  const child = await below(root.artifact_hash);
  return {
    data,
    log,
    lead,
    root: root.artifact_hash,
    child,
    sibling: await below(root.artifact_hash),
    grandchild: await below(child),
    start: begin,
    async triggers() {
      const { entries } = await lead.call('aga_query_chain', { kind: 'TRIGGER' });
      return entries.map(({ event }: { event: { trigger: string } }) => event.trigger);
    },
    cli: (...args) =>
      execFileSync(process.execPath, [SERVER, ...args, '--data-dir', data, '--config', file], { encoding: 'utf8' }),
  };
}

/** The agent's upstream was measured at its first call, and has other tools since. */
async function pulled(agent: Host): Promise<void> {
  expect(codeOf(await use(agent, 'echo'))).toBe(null);
  expect(codeOf(await use(agent, 'grow'))).toBe(null);
}

describe('a changed definition after its first use', () => {
  it('is recorded, and no more than that, by ALERT_ONLY', async () => {
    const { start, child, triggers, lead } = await scene('ALERT_ONLY');
    const agent = await start(['--artifact', child]);
    await pulled(agent);
    const several = await Promise.all(Array.from({ length: 12 }, () => use(agent, 'echo', { a: 1 })));
    expect(several.map(codeOf)).toEqual(Array(12).fill(null));
    expect(await triggers()).toEqual(['ALERT_ONLY']);
    const { entries } = await lead.call('aga_query_chain', { kind: 'MEASUREMENT' });
    expect(entries.map(({ event }: { event: { drift: boolean } }) => event.drift)).toEqual([false, true]);
  });

  it('is measured once by calls that arrive together', async () => {
    const { start, child, lead } = await scene('ALERT_ONLY');
    const agent = await start(['--artifact', child]);
    await Promise.all(Array.from({ length: 12 }, () => use(agent, 'echo')));
    const { entries } = await lead.call('aga_query_chain', { kind: 'MEASUREMENT' });
    expect(entries).toHaveLength(1);
  });

  it('is not looked for in an upstream that the caller may not use', async () => {
    const { start, lead, root, log } = await scene('ALERT_ONLY');
    const none = { parent_artifact_hash: root, permissions: { 'tool.call': ['away/*'] } };
    const { child_artifact_hash: child } = await lead.call('aga_delegate_to_subagent', none);
    const agent = await start(['--artifact', child]);
    expect(codeOf(await use(agent, 'echo'))).toBe('PERMISSION_DENIED');
    expect(readFileSync(log, 'utf8')).toBe('');
  });

  it('stops the artifact alone by QUARANTINE, until the operator resumes it', async () => {
    const { start, child, grandchild, triggers, cli } = await scene('QUARANTINE');
    const agent = await start(['--artifact', child]);
    const below = await start(['--artifact', grandchild]);
    await pulled(agent);
    const hanging = use(agent, 'hang');
    expect(codeOf(await use(agent, 'echo'))).toBe('SUSPENDED');
    expect(codeOf(await hanging)).toBe('SUSPENDED');
    expect(await upstreamTools(agent)).toBe(0);
    expect(codeOf(await use(below, 'echo'))).toBe(null);
    expect(await triggers()).toEqual(['QUARANTINE']);
    expect(cli('resume', child)).toContain('active');
    expect(codeOf(await use(agent, 'echo'))).toBe(null);
  });

  it('stops the subtree by SAFE_STATE, and its calls in flight', { retry: 2 }, async () => {
    const { start, child, sibling, grandchild, cli } = await scene('SAFE_STATE');
    const [agent, below, beside] = [
      await start(['--artifact', child]),
      await start(['--artifact', grandchild]),
      await start(['--artifact', sibling]),
    ];
    await use(below, 'echo');
    const hanging = use(below, 'hang');
    await pulled(agent);
    const cut = performance.now();
    expect(codeOf(await use(agent, 'echo'))).toBe('SUSPENDED');
    expect(codeOf(await hanging)).toBe('SUSPENDED');
    expect(performance.now() - cut).toBeLessThan(1_500);
    expect(codeOf(await use(beside, 'echo'))).toBe(null);
    cli('resume', child);
    expect(codeOf(await use(below, 'echo'))).toBe(null);
  });

  it.each(['TOKEN_INVALIDATE', 'TERMINATE'])('ends the subtree by %s', async (duty) => {
    const { start, child, sibling, grandchild, triggers } = await scene(duty);
    const agent = await start(['--artifact', child]);
    await pulled(agent);
    expect(codeOf(await use(agent, 'echo'))).toBe('ARTIFACT_REVOKED');
    expect(await upstreamTools(agent)).toBe(0);
    expect(codeOf(await use(await start(['--artifact', sibling]), 'echo'))).toBe(null);
    expect(codeOf(await use(await start(['--artifact', grandchild]), 'echo'))).toBe('ARTIFACT_REVOKED');
    expect(await triggers()).toEqual([duty]);
  });

  it('bans the key of the holder from every lineage by KEY_REVOKE', async () => {
    const { start, lead, root } = await scene('KEY_REVOKE');
    const { enrollment } = await lead.call('aga_delegate_to_subagent', { permissions: ALL, enroll: true });
    const agent = await start([], { AGA_TOKEN: enrollment.token });
    await use(agent, 'echo');
    const { entries } = await lead.call('aga_query_chain', { kind: 'ENROLLMENT' });
    const { holder } = entries[0].event;
    const other = await lead.call('aga_create_artifact', { permissions: ALL });
    const twin = await lead.call('aga_delegate_to_subagent', { permissions: ALL, holder_public_key: holder });
    const may = async (artifact_hash: string) =>
      (await lead.call('aga_check_permission', { artifact_hash, capability: 'tool.call', resource: 'up/echo' })).code;
    expect(await may(twin.child_artifact_hash)).toBe(null);
    await pulled(agent);
    expect(codeOf(await use(agent, 'echo'))).toBe('ARTIFACT_REVOKED');
    expect(await may(twin.child_artifact_hash)).toBe('ARTIFACT_REVOKED');
    expect([await may(root), await may(other.artifact_hash)]).toEqual([null, null]);
  });

  it('takes the network from the subtree by NETWORK_ISOLATE', async () => {
    const { start, child, grandchild, cli } = await scene('NETWORK_ISOLATE', {
      maps: { up: { echo: { '/url': 'net.fetch' }, grow: {}, pid: {} } },
    });
    const agent = await start(['--artifact', child]);
    const below = await start(['--artifact', grandchild]);
    const fetched = (who: Host) => use(who, 'echo', { url: 'https://example.com/' });
    expect(codeOf(await fetched(agent))).toBe(null);
    await use(agent, 'grow');
    expect(codeOf(await fetched(agent))).toBe('PERMISSION_DENIED');
    expect(codeOf(await fetched(below))).toBe('PERMISSION_DENIED');
    expect(codeOf(await use(agent, 'pid'))).toBe(null);
    cli('resume', child);
    expect(codeOf(await fetched(agent))).toBe(null);
  });

  it('ends the upstreams that it used by ACTUATOR_DISCONNECT, in every process', async () => {
    const { start, child } = await scene('ACTUATOR_DISCONNECT');
    const agent = await start(['--artifact', child]);
    const twin = await start(['--artifact', child]);
    const pids = [Number(textOf(await use(agent, 'pid'))), Number(textOf(await use(twin, 'pid')))];
    await pulled(agent);
    const hanging = use(twin, 'hang');
    await use(agent, 'echo');
    expect(codeOf(await hanging)).toBe('UPSTREAM_FAILED');
    await expect.poll(() => pids.map(isAlive), { timeout: 3_000 }).toEqual([false, false]);
    expect(codeOf(await use(twin, 'pid'))).toBe(null);
  });
});

describe('more refusals than are allowed in a minute', () => {
  it('fire once, however many calls are refused at once', async () => {
    const { start, child, triggers } = await scene('QUARANTINE', { refusals_per_minute: 4 });
    const agent = await start(['--artifact', child]);
    expect(codeOf(await use(agent, 'echo'))).toBe(null);
    const refused = await Promise.all(Array.from({ length: 12 }, () => use(agent, 'x'.repeat(80))));
    // The first fires; the last of them may find that it has.
    expect(codeOf(refused[0]!)).toBe('PERMISSION_DENIED');
    expect(refused.map(codeOf).every((code) => code === 'PERMISSION_DENIED' || code === 'SUSPENDED')).toBe(true);
    await expect.poll(triggers, { timeout: 3_000 }).toEqual(['QUARANTINE']);
    expect(codeOf(await use(agent, 'echo'))).toBe('SUSPENDED');
  });
});

it('refusals of our own tools count as well', async () => {
  const { start, child, triggers } = await scene('QUARANTINE', { refusals_per_minute: 4 });
  const agent = await start(['--artifact', child]);
  const wrong = () => agent.call('aga_create_artifact', {}).catch(({ body }) => body.code);
  await Promise.all(Array.from({ length: 12 }, wrong));
  await wrong();
  await expect.poll(triggers, { timeout: 3_000 }).toEqual(['QUARANTINE']);
  expect(codeOf(await use(agent, 'echo'))).toBe('SUSPENDED');
});

describe('a failed binding proof', () => {
  it('over HTTP fires the duties of the session whose token was shown', async () => {
    const { lead, root, data, triggers } = await scene('QUARANTINE');
    const minted = { parent_artifact_hash: root, permissions: ALL, enroll: true };
    const { enrollment } = await lead.call('aga_delegate_to_subagent', minted);
    const { url: server, stop } = await served(['--data-dir', data], {});
    onTestFinished(async () => void (await stop()));
    const key = agentKey(freshSeed());
    const agent = await connect({ server, token: enrollment.token, key });
    onTestFinished(() => agent.close());
    const { sessionToken } = (await (
      await fetch(`${server}/api/v1/agents/enroll`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          enrollmentToken: enrollment.token,
          publicKey: key.id,
          proof: enrolmentProof(enrollment.token.slice(12, 44), key),
        }),
      })
    ).json()) as { sessionToken: string };
    const url = `${server}/api/v1/authorize`;
    const body = JSON.stringify({ capability: 'tool.call', resource: 'up/echo' });
    const ask = async (by: typeof key) => {
      const dpop = requestProof(by, { method: 'POST', url, body, token: sessionToken });
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${sessionToken}`, dpop };
      const response = await fetch(url, { method: 'POST', headers, body });
      return [response.status, ((await response.json()) as { code: string | null }).code];
    };
    expect(await ask(key)).toEqual([200, null]);
    const thief = agentKey(freshSeed());
    expect((await Promise.all([ask(thief), ask(thief), ask(thief)])).map(([status]) => status)).toEqual([
      401, 401, 401,
    ]);
    await expect.poll(triggers, { timeout: 3_000 }).toEqual(['QUARANTINE']);
    expect((await ask(key))[0]).toBe(403);
  });

  it('on a call over stdio fires those of the artifact that the session acts for', async () => {
    const { start, child, triggers } = await scene('TERMINATE');
    const agent = await start(['--artifact', child]);
    const params = { name: 'up__echo', arguments: {}, _meta: { 'aga/proof': 'x.y.z' } };
    expect(codeOf((await agent.request('tools/call', params)).result as unknown as Result)).toBe('UNAUTHENTICATED');
    await expect.poll(triggers, { timeout: 3_000 }).toEqual(['TERMINATE']);
    expect(codeOf(await use(agent, 'echo'))).toBe('ARTIFACT_REVOKED');
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
