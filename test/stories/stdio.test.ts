/** Journeys over stdio, against the built program. */
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { directory } from '../scratch.ts';
import { type Host, host, refused, start } from './host.ts';

describe('a coordinator and a sub-agent in two processes', () => {
  it('delegate, are refused what they do not hold, and end together', async () => {
    const path = directory();
    const coordinator = await start(path);
    const root = await coordinator.call('aga_create_artifact', { permitted_tools: ['search/*', 'files/**'] });
    const child = await coordinator.call('aga_delegate_to_subagent', {
      permissions: { 'tool.call': ['files/read/*'], 'agent.delegate': ['*'] },
    });
    const agent = await start(path, { args: ['--artifact', child.child_artifact_hash] });
    const grandchild = await agent.call('aga_delegate_to_subagent', { permitted_tools: ['files/read/text'] });
    expect(grandchild.parent_artifact_hash).toBe(child.child_artifact_hash);
    const greedy = await refused(agent.call('aga_delegate_to_subagent', { permitted_tools: ['files/**'] }));
    expect(greedy.code).toBe('LEASE_SUBSET_VIOLATION');
    expect((await refused(agent.call('aga_create_artifact'))).code).toBe('NOT_OPERATOR');
    const foreign = await refused(
      agent.call('aga_revoke_artifact', { artifact_hash: root.artifact_hash, reason: 'x' }),
    );
    expect(foreign.code).toBe('ARTIFACT_NOT_FOUND');
    const cut = await coordinator.call('aga_revoke_artifact', {
      artifact_hash: child.child_artifact_hash,
      reason: 'done',
    });
    expect(cut.revoked_count).toBe(2);
    expect((await refused(agent.call('aga_inspect'))).code).toBe('ARTIFACT_REVOKED');
    expect(await coordinator.call('aga_verify')).toMatchObject({ valid: true, findings: [] });
    expect(coordinator.stderr() + agent.stderr()).toBe('');
  });

  it('find each other by what launch says alone, also under an authority with a name', async () => {
    const path = directory();
    const coordinator = await start(path, { env: { AGA_AUTHORITY: 'acme' } });
    await coordinator.call('aga_create_artifact');
    const child = await coordinator.call('aga_delegate_to_subagent', { enroll: true });
    for (const { mcpServers } of [child.launch, child.enrollment.launch]) {
      const [{ args, env }] = Object.values<{ args: string[]; env: Record<string, string> }>(mcpServers) as [any];
      const agent = await start(path, { args: args.slice(2), env });
      expect((await agent.call('aga_inspect')).artifact_hash).toBe(child.child_artifact_hash);
    }
  });

  it('find everything again after a restart, the first answers too', async () => {
    const path = directory();
    const before = await start(path);
    const root = await before.call('aga_create_artifact', { request_id: 'root' });
    const child = await before.call('aga_delegate_to_subagent', { request_id: 'child', sub_agent_id: 'helper' });
    expect(await before.close()).toBe(0);
    const after = await start(path);
    expect((await after.call('aga_create_artifact', { request_id: 'root' })).artifact_hash).toBe(root.artifact_hash);
    expect(await after.call('aga_delegate_to_subagent', { request_id: 'child', sub_agent_id: 'helper' })).toEqual(
      child,
    );
    const { result } = await after.request('resources/read', { uri: `aga://artifacts/${child.child_artifact_hash}` });
    expect(JSON.parse(result?.contents[0].text).subject).toBe('helper');
    const { result: head } = await after.request('resources/read', { uri: 'aga://chain/checkpoint' });
    expect(head?.contents[0].text).toMatch(/^aga-delegate\/default\/z6Mk\w+\n3\n/);
  });
});

describe('an artifact that expires', () => {
  it('is written down within five seconds, by one of the processes that know of it', async () => {
    const path = directory();
    const [one, two] = [await start(path), await start(path)];
    await one.call('aga_create_artifact', { ttl_seconds: 3600 });
    const { artifact_hash } = await one.call('aga_create_artifact', { ttl_seconds: 2 });
    await two.call('aga_delegate_to_subagent', { parent_artifact_hash: artifact_hash });
    await sleep(7000);
    const { entries } = await two.call('aga_query_chain', { kind: 'EXPIRY', artifact_hash });
    expect(entries).toHaveLength(1);
    expect(await one.call('aga_verify')).toMatchObject({ valid: true, findings: [] });
  });
});

describe('many processes on one data directory', () => {
  it('append 8 × 200 delegations: consecutive, none refused, one chain', { timeout: 120_000 }, async () => {
    const path = directory();
    const hosts = await Promise.all(Array.from({ length: 8 }, () => start(path)));
    const [first] = hosts as [Host];
    const root = await first.call('aga_create_artifact', { max_children: 5000 });
    const input = { parent_artifact_hash: root.artifact_hash };
    const answers = await Promise.all(
      hosts.flatMap((each) => Array.from({ length: 200 }, () => each.call('aga_delegate_to_subagent', input))),
    );
    const numbers = answers.map((each) => each.chain.sequence_number).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 1600 }, (_, index) => index + 2));
    expect(await first.call('aga_verify')).toMatchObject({ valid: true, entries_checked: 1602 });
  });

  it('lose nothing that was answered when they are killed', { timeout: 120_000 }, async () => {
    const path = directory();
    const keeper = await start(path);
    const root = await keeper.call('aga_create_artifact', { max_children: 100_000 });
    const answered: { child_artifact_hash: string; chain: { sequence_number: number } }[] = [];
    for (let round = 0; round < 6; round++) {
      const hosts = await Promise.all(Array.from({ length: 3 }, () => host(path)));
      const work = hosts.map(async (each) => {
        for (;;) {
          answered.push(await each.call('aga_delegate_to_subagent', { parent_artifact_hash: root.artifact_hash }));
        }
      });
      for (const [index, each] of hosts.entries())
        setTimeout(() => each.child.kill('SIGKILL'), 60 + 37 * index + 11 * round);
      await Promise.allSettled(work);
    }
    expect(answered.length).toBeGreaterThan(30);
    expect(await keeper.call('aga_verify')).toMatchObject({ valid: true, findings: [] });
    const found = new Map<string, number>();
    for (let after: number | null = -1; after !== null; ) {
      const page: any = await keeper.call('aga_query_chain', { after, limit: 500, kind: 'DELEGATION' });
      for (const entry of page.entries) found.set(entry.event.child_artifact_hash, entry.sequence_number);
      after = page.next;
    }
    for (const { child_artifact_hash, chain } of answered) {
      expect(found.get(child_artifact_hash)).toBe(chain.sequence_number);
    }
  });
});

describe('a session bound to', () => {
  it.each([[''], ['garbage'], ['F'.repeat(64)]])('%j never becomes the operator', async (value) => {
    await expect(host(directory(), { env: { AGA_ARTIFACT: value } })).rejects.toThrow('exited with 1');
  });

  it('an unknown hash is refused every call', async () => {
    const agent = await start(directory(), { args: ['--artifact', 'a'.repeat(64)] });
    for (const tool of [
      'aga_create_artifact',
      'aga_delegate_to_subagent',
      'aga_inspect',
      'aga_query_chain',
      'aga_verify',
    ]) {
      expect((await refused(agent.call(tool))).code).toBe('ARTIFACT_NOT_FOUND');
    }
  });
});

describe('keys', () => {
  it('lie in files that only their owner reads', async () => {
    const path = directory();
    const server = await start(path);
    await server.call('aga_create_artifact');
    expect(statSync(path).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(path))
      expect([name, statSync(join(path, name)).mode & 0o777]).toEqual([name, 0o600]);
    expect(readFileSync(join(path, 'authority.key'), 'utf8')).not.toBe(readFileSync(join(path, 'log.key'), 'utf8'));
  });

  it.each([['authority.key'], ['log.key']])('are never replaced silently: %s', async (name) => {
    const path = directory();
    const server = await start(path);
    await server.call('aga_create_artifact');
    await server.close();
    const kept = readFileSync(join(path, name));
    writeFileSync(join(path, name), kept.subarray(0, 40));
    await expect(host(path)).rejects.toThrow(name);
    rmSync(join(path, name));
    await expect(host(path)).rejects.toThrow('missing');
    writeFileSync(join(path, name), kept, { mode: 0o600 });
    const again = await start(path);
    expect(await again.call('aga_verify')).toMatchObject({ valid: true });
  });
});

describe('a data directory', () => {
  it('that cannot be written ends the process with one clear line', async () => {
    const path = directory();
    chmodSync(path, 0o500);
    const blocked = join(path, 'file');
    writeFileSync(blocked, '');
    await expect(host(join(blocked, 'below'))).rejects.toThrow(/data directory .* Choose another/);
  });
});
