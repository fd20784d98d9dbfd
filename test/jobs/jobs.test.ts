import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operator } from '../../src/caller.ts';
import { as, refusal } from '../kernel.ts';
import { directory } from '../scratch.ts';
import { carrying, type Office, office } from './office.ts';

let desk: Office;
beforeAll(async () => {
  desk = await office();
});
afterAll(() => desk.close());

const dispatch = (input: object, more: object = {}, caller = undefined as ReturnType<typeof as> | undefined) =>
  desk.call('aga_dispatch_job', { agent: 'worker', input, parent_artifact_hash: desk.root, ...more }, caller);
const get = (job_id: string, more: object = {}) => desk.call('aga_get_job', { job_id, wait_seconds: 10, ...more });
/** Until the job is over. */
async function over(job_id: string): Promise<any> {
  for (let after_event = 0; ; ) {
    const job = await get(job_id, { after_event });
    if (!['pending', 'running'].includes(job.state)) return desk.call('aga_get_job', { job_id });
    after_event = job.last_event;
  }
}
const status = ({ events }: any) => events.filter(({ kind }: any) => kind === 'status').map(({ state }: any) => state);
const entries = async (kind: string) => (await desk.call('aga_query_chain', { kind, limit: 500 })).entries;
const isActive = async (artifact_hash: string) =>
  (await desk.call('aga_inspect', { artifact_hash })).status === 'active';

describe('a job', () => {
  it('is accepted, runs and gives its result, each an entry', async () => {
    const job = await dispatch({ result: { answer: [1, 'two', null] } });
    expect(job).toMatchObject({ state: 'pending', agent: 'worker@1.0.0' });
    const done = await over(job.job_id);
    expect(done).toMatchObject({ state: 'success', result: { answer: [1, 'two', null] } });
    expect(done.error).toBeUndefined();
    expect(status(done)).toEqual(['pending', 'running', 'success']);
    const accepted = (await entries('JOB_ACCEPTED')).at(-1).event;
    expect(accepted).toMatchObject({
      job_id: job.job_id,
      agent: 'worker@1.0.0',
      artifact_hash: desk.root,
      child_artifact_hash: job.child_artifact_hash,
    });
    expect((await entries('JOB_ENDED')).at(-1).event).toMatchObject({
      job_id: job.job_id,
      state: 'success',
      code: null,
    });
    expect(await isActive(job.child_artifact_hash)).toBe(false);
  });

  it('waits for the result where asked to, and passes progress on', async () => {
    const seen: unknown[] = [];
    const say = [
      { type: 'progress', progress: 1, total: 2, message: 'half' },
      { type: 'log', message: 'a line' },
      'no JSON',
      { type: 'unknown' },
      { type: 'progress', progress: 2, total: 2 },
    ];
    const job = await desk.call(
      'aga_dispatch_job',
      { agent: 'worker', input: { say, result: 1, sleep: 50 }, parent_artifact_hash: desk.root, wait_seconds: 10 },
      undefined,
      { progress: (update) => seen.push(update) },
    );
    expect(job).toMatchObject({ state: 'success', result: 1 });
    expect(seen).toEqual([
      { progress: 1, total: 2, message: 'half' },
      { progress: 2, total: 2 },
    ]);
    expect(job.events.map(({ event_number }: any) => event_number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(job.events.map(({ kind, message }: any) => message ?? kind)).toEqual([
      'status',
      'status',
      'half',
      'a line',
      'no JSON',
      '{"type":"unknown"}',
      'progress',
      'status',
    ]);
    const later = await desk.call('aga_get_job', { job_id: job.job_id, after_event: 6 });
    expect(later.events.map(({ event_number }: any) => event_number)).toEqual([7, 8]);
    expect(JSON.stringify(await entries('JOB_EVENT'))).not.toContain('a line');
  });

  it('ends in error without a result, with its own code, and where it cannot start', async () => {
    expect(await over((await dispatch({ exit: 3 })).job_id)).toMatchObject({
      state: 'error',
      error: { code: 'UPSTREAM_FAILED', message: 'The agent ended with exit code 3 without a result.' },
    });
    const own = { type: 'error', error: { code: 'NO_DATA', message: 'nothing there' } };
    expect(await over((await dispatch({ say: [own], result: 1 })).job_id)).toMatchObject({
      state: 'error',
      error: { code: 'NO_DATA', message: 'nothing there' },
    });
    const long = await over((await dispatch({ say: ['x'.repeat(1_048_577)], sleep: 500 })).job_id);
    expect(long.error.message).toMatch(/without a result\. A line of more than 1048576 bytes was left out\.$/);
    const { error, state } = await over((await dispatch({}, { agent: 'missing' })).job_id);
    expect([state, error]).toEqual([
      'error',
      { code: 'UPSTREAM_FAILED', message: 'The agent could not be started (ENOENT).' },
    ]);
  });

  it('that ends while nothing can be written is over when it can be again, with its result', async () => {
    const own = await office();
    const { job_id } = await own.call('aga_dispatch_job', {
      agent: 'worker',
      input: { result: 'kept', sleep: 300 },
      parent_artifact_hash: own.root,
    });
    await own.call('aga_get_job', { job_id, wait_seconds: 10, after_event: 1 });
    const database = join(own.dataDir, 'chain.db');
    renameSync(database, `${database}.away`);
    await sleep(1000);
    renameSync(`${database}.away`, database);
    const found = () => own.call('aga_get_job', { job_id });
    await expect.poll(found, { timeout: 10_000 }).toMatchObject({ state: 'success', result: 'kept' });
    await own.close();
  });

  it('whose input cannot be kept for a worker elsewhere is over at once', async () => {
    const own = await office();
    writeFileSync(join(own.dataDir, 'jobs'), 'in the way');
    const input = { agent: 'far', input: 'x', parent_artifact_hash: own.root };
    const { job_id } = await own.call('aga_dispatch_job', input);
    expect(await own.call('aga_get_job', { job_id })).toMatchObject({ state: 'error', error: { code: 'INTERNAL' } });
    await own.close();
  });

  it('tells a result that was lost from one that is nothing', async () => {
    const nothing = await over((await dispatch({ result: null })).job_id);
    expect(nothing).toMatchObject({ state: 'success', result: null });
    expect(nothing.error).toBeUndefined();
    const { job_id } = await over((await dispatch({ result: 'gone' })).job_id);
    rmSync(join(desk.dataDir, 'jobs', `${job_id}.jsonl`));
    const lost = await desk.call('aga_get_job', { job_id });
    expect(lost).toMatchObject({ state: 'success', error: { code: 'NOT_FOUND' } });
    expect(lost.result).toBeUndefined();
  });

  it('is timed out', async () => {
    expect(await over((await dispatch({ sleep: 60_000 }, { agent: 'hasty' })).job_id)).toMatchObject({
      state: 'timed_out',
      error: { code: 'TIMEOUT' },
    });
  });

  it('ends with its authority: by revocation of an ancestor, and by expiry', async () => {
    const { child_artifact_hash: middle } = await desk.call('aga_delegate_to_subagent', {
      parent_artifact_hash: desk.root,
      permissions: { 'agent.delegate': ['*', '*@*'], 'tool.call': ['**'] },
    });
    const revoked = await dispatch({ sleep: 60_000 }, { parent_artifact_hash: middle });
    const expiring = await dispatch({ sleep: 60_000 }, { ttl_seconds: 1 });
    await get(revoked.job_id, { after_event: 1 });
    await desk.call('aga_revoke_artifact', { artifact_hash: middle, reason: 'enough' });
    expect(await desk.call('aga_get_job', { job_id: revoked.job_id })).toMatchObject({
      state: 'cancelled',
      error: { code: 'ARTIFACT_REVOKED' },
    });
    await sleep(1200);
    expect(status(await over(revoked.job_id)).at(-1)).toBe('cancelled');
    expect(await over(expiring.job_id)).toMatchObject({
      state: 'error',
      error: { code: 'LEASE_EXPIRED', message: 'The artifact of the job, or one above it, has expired.' },
    });
    await expect
      .poll(() => carrying(revoked.job_id).length + carrying(expiring.job_id).length, { timeout: 5000 })
      .toBe(0);
  });

  it('is cancelled once, told first and killed then, with what it has forked', async () => {
    const note = join(directory(), 'note');
    const polite = await dispatch({ note, sleep: 60_000 });
    const deaf = await dispatch({ deaf: true, fork: true, flee: true, sleep: 60_000 });
    await expect.poll(() => carrying(deaf.job_id).length, { timeout: 5000 }).toBe(3);
    await expect.poll(() => carrying(polite.job_id).length, { timeout: 5000 }).toBe(1);
    await sleep(300);
    const cancelled = await desk.call('aga_cancel_job', { job_id: deaf.job_id });
    expect(cancelled).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    expect(status(cancelled)).toEqual(['pending', 'running', 'cancelled']);
    expect(await desk.call('aga_cancel_job', { job_id: deaf.job_id })).toEqual(cancelled);
    await desk.call('aga_cancel_job', { job_id: polite.job_id });
    await expect.poll(() => carrying(deaf.job_id), { timeout: 5000 }).toEqual([]);
    await expect.poll(() => carrying(polite.job_id), { timeout: 5000 }).toEqual([]);
    expect(existsSync(note)).toBe(true);
  });

  it('leaves nothing behind that it has forked when it ends by itself', async () => {
    const { job_id } = await dispatch({ fork: true, result: 1 });
    expect((await over(job_id)).state).toBe('success');
    await expect.poll(() => carrying(job_id), { timeout: 5000 }).toEqual([]);
  });

  it('gives an environment that is enough, and nothing of ours', async () => {
    process.env.AGA_OPERATOR_TOKEN = 'secret';
    const job = await dispatch({ env: true }, { wait_seconds: 10 });
    delete process.env.AGA_OPERATOR_TOKEN;
    expect(job.result).toMatchObject({
      AGA_ARTIFACT: job.child_artifact_hash,
      AGA_DATA_DIR: desk.dataDir,
      AGA_CONFIG: desk.configFile,
      AGA_JOB_ID: job.job_id,
    });
    expect(job.result.AGA_OPERATOR_TOKEN).toBeUndefined();
    expect(job.result.AGA_ENROLLMENT_TOKEN).toMatch(/^lt-delegate-/);
  });

  it('returns what is left of its budget', async () => {
    const left = async () =>
      (await desk.call('aga_inspect', { artifact_hash: desk.root, view: 'tree' })).tree[0].budget_left;
    const before = await left();
    const job = await dispatch({ sleep: 60_000 }, { permissions: { 'cost.budget': ['USD:4'] } });
    expect(await left()).toEqual(['USD:6']);
    await desk.call('aga_cancel_job', { job_id: job.job_id });
    expect(await left()).toEqual(before);
  });
});

describe('a dispatch', () => {
  it('resolves a name before it asks for the right to delegate', async () => {
    expect((await refusal(dispatch({}, { agent: 'nobody' }))).code).toBe('AGENT_NOT_AVAILABLE');
    expect((await refusal(dispatch({}, { agent: 'worker@3.0.0' }))).code).toBe('AGENT_VERSION_NOT_AVAILABLE');
    expect((await refusal(dispatch({}, { agent: 'a/b' }))).code).toBe('INVALID_REQUEST');
    const narrow = await desk.call('aga_delegate_to_subagent', {
      parent_artifact_hash: desk.root,
      permissions: { 'agent.delegate': ['worker@1.0.0'] },
    });
    const caller = as(narrow.child_artifact_hash);
    const ask = (agent: string) =>
      desk.call('aga_dispatch_job', { agent, input: { result: 1 }, wait_seconds: 10 }, caller);
    expect((await ask('worker')).state).toBe('success');
    expect((await refusal(ask('worker@2.0.0'))).code).toBe('PERMISSION_DENIED');
    expect((await refusal(ask('only'))).code).toBe('PERMISSION_DENIED');
  });

  it('refuses what the parent does not hold before anything starts', async () => {
    const before = (await entries('JOB_ACCEPTED')).length;
    const wider = dispatch({}, { permissions: { 'fs.write': ['/**'] } });
    expect(await refusal(wider)).toMatchObject({ code: 'LEASE_SUBSET_VIOLATION' });
    expect((await refusal(dispatch({}, { permissions: { 'cost.budget': ['USD:11'] } }))).code).toBe(
      'LEASE_SUBSET_VIOLATION',
    );
    expect((await refusal(desk.call('aga_dispatch_job', { agent: 'worker' }))).code).toBe('INVALID_REQUEST');
    expect((await entries('JOB_ACCEPTED')).length).toBe(before);
  });

  it('asks of the artifact whatever a delegation may ask', async () => {
    const { artifact_hash } = await desk.call('aga_create_artifact', {
      permissions: { 'agent.delegate': ['*', '*@*'], 'tool.call': ['**'] },
      enforcement_triggers: ['ALERT_ONLY', 'KEY_REVOKE'],
      measurement_types: ['SBOM', 'CONFIG_MANIFEST'],
    });
    const asked = {
      parent_artifact_hash: artifact_hash,
      enforcement_triggers: ['KEY_REVOKE'],
      measurement_types: ['SBOM'],
      min_binding: 'process',
      delegation_reason: 'to see',
      purpose: 'to see',
      permitted_tools: ['a/*'],
    };
    const { child_artifact_hash } = await dispatch({ result: 1 }, asked);
    const { artifact } = await desk.call('aga_inspect', { artifact_hash: child_artifact_hash });
    expect(artifact).toMatchObject({
      purpose: 'to see',
      scope: {
        enforcement_triggers: ['KEY_REVOKE'],
        measurement_types: ['SBOM'],
        permissions: { 'tool.call': ['a/*'] },
      },
      terms: { min_binding: 'process' },
    });
    for (const wider of [{ enforcement_triggers: ['SAFE_STATE'] }, { measurement_types: ['TEE_QUOTE'] }])
      expect((await refusal(dispatch({}, { ...asked, ...wider }))).code).toBe('LEASE_SUBSET_VIOLATION');
    expect((await refusal(dispatch({}, { ...asked, purpose: 'another' }))).code).toBe('INVALID_REQUEST');
  });

  it('is the same job when it is repeated, and refused with another input', async () => {
    const first = await dispatch({ result: 7 }, { request_id: 'one', wait_seconds: 10 });
    expect(await dispatch({ result: 7 }, { request_id: 'one' })).toEqual(first);
    expect((await refusal(dispatch({ result: 8 }, { request_id: 'one' }))).code).toBe('DUPLICATE_KEY');
    const unnamed = { request_id: 'one', parent_artifact_hash: undefined };
    expect(await dispatch({ result: 7 }, unnamed, operator())).toEqual(first);
    const many = await Promise.all(Array.from({ length: 20 }, () => dispatch({ result: 9 }, { request_id: 'two' })));
    expect(new Set(many.map(({ job_id }) => job_id)).size).toBe(1);
    expect((await over(many[0].job_id)).result).toBe(9);
  });

  it('shows its jobs to its own lineage only', async () => {
    const { job_id } = await dispatch({ result: 1 }, { wait_seconds: 10 });
    const other = await desk.call('aga_delegate_to_subagent', { parent_artifact_hash: desk.root });
    const caller = as(other.child_artifact_hash);
    for (const tool of ['aga_get_job', 'aga_cancel_job']) {
      const foreign = await refusal(desk.call(tool, { job_id }, caller));
      expect(foreign).toEqual(await refusal(desk.call(tool, { job_id: 'f'.repeat(32) }, caller)));
      expect(foreign.code).toBe('JOB_NOT_FOUND');
    }
    expect((await desk.call('aga_get_job', { job_id }, as(desk.root))).state).toBe('success');
  });

  it('of a job by a job is an event of the outer one', async () => {
    const outer = await dispatch({ sleep: 60_000 }, { permissions: { 'agent.delegate': ['*', '*@*'] } });
    const inner = await desk.call(
      'aga_dispatch_job',
      { agent: 'worker', input: { sleep: 60_000 } },
      as(outer.child_artifact_hash),
    );
    const { events } = await desk.call('aga_get_job', { job_id: outer.job_id });
    expect(events.find(({ kind }: any) => kind === 'delegate')).toMatchObject({
      agent: 'worker@1.0.0',
      job_id: inner.job_id,
    });
    await desk.call('aga_cancel_job', { job_id: outer.job_id });
    expect(await over(inner.job_id)).toMatchObject({ state: 'cancelled', error: { code: 'ARTIFACT_REVOKED' } });
    await expect.poll(() => carrying(outer.job_id).length, { timeout: 5000 }).toBe(0);
  });

  it('a hundred times at once gives a hundred results, and keeps to max_children', async () => {
    const { child_artifact_hash: few } = await desk.call('aga_delegate_to_subagent', {
      parent_artifact_hash: desk.root,
      permissions: { 'agent.delegate': ['*', '*@*'] },
      max_children: 12,
    });
    const asked = Array.from({ length: 100 }, (_, result) =>
      dispatch({ result }, { parent_artifact_hash: few }).catch((error) => error),
    );
    const answers = await Promise.all(asked);
    const jobs = answers.filter(({ job_id }) => job_id);
    expect(jobs).toHaveLength(12);
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([undefined, 'FANOUT_EXCEEDED']));
    const ends = await Promise.all(jobs.map(({ job_id }) => over(job_id)));
    expect(ends.every(({ state }) => state === 'success')).toBe(true);
  });

  it('leaves a chain that holds against the law', async () => {
    expect(await desk.call('aga_verify', { target: 'chain' })).toMatchObject({ valid: true, findings: [] });
  });
});
