/** What the law says of jobs, whoever writes their entries. */
import { describe, expect, it } from 'vitest';
import { decodeEvent, type Event } from '../../src/authority/event/index.ts';
import { Ledger } from '../../src/authority/ledger.ts';
import { freeze, thaw } from '../../src/authority/snapshot.ts';
import { MEMORY } from '../../src/authority/state.ts';
import { as, KEYS, type Kernel, kernel, kinds, ORIGIN, POLICY, refusal } from '../kernel.ts';
import { chainOf, entriesOf, faults, rebuilt } from './forge.ts';
import { portrait } from './portrait.ts';

const agents = new Map([['worker@1.0.0', { isDefault: false }]]);
const policy = { ...POLICY, jobs: { agents, supervisor: 'test' } };

async function begun(more: object = {}): Promise<Kernel & { job: any; write(event: object): Promise<unknown> }> {
  const game = kernel({ policy });
  await game.call('aga_create_artifact', { permissions: { 'agent.delegate': ['*', '*@*'], 'cost.budget': ['USD:5'] } });
  const job = await game.call('aga_dispatch_job', { agent: 'worker', input: { secret: 'input' }, ...more });
  const own = { job_id: job.job_id, child_artifact_hash: job.child_artifact_hash };
  const write = (event: object) =>
    game.service.askAnyone({
      name: 'test',
      caller: game.operator,
      writes: true,
      decide: () => ({ event: decodeEvent({ ...own, ...event } as never) as Event, tell: () => null }),
    });
  return { ...game, job, write };
}

const event = (event_number: number, event_kind: string, more: object = {}) => ({
  kind: 'JOB_EVENT',
  event_number,
  event_kind,
  digest: '',
  delegated: null,
  ...more,
});
const end = (event_number: number, state: string, code: string | null) => ({
  kind: 'JOB_ENDED',
  event_number,
  state,
  code,
  digest: '',
});

describe('a job on the chain', () => {
  it('is a delegation and an acceptance, in one commit, without its input', async () => {
    const { store, job, audit } = await begun({ permissions: { 'cost.budget': ['USD:2'] } });
    expect(await kinds(store)).toEqual(['GENESIS', 'ARTIFACT_CREATED', 'DELEGATION', 'JOB_ACCEPTED']);
    const [, , delegation, accepted] = entriesOf(await chainOf(store));
    expect(delegation!.event).toMatchObject({ sub_agent_id: 'worker@1.0.0', enroll: true });
    expect(accepted!.event).toMatchObject({ agent: 'worker@1.0.0', supervisor: 'test', job_id: job.job_id });
    expect(JSON.stringify(accepted)).not.toContain('secret');
    expect((await audit()).findings).toEqual([]);
  });

  it('has events without gaps, ends once, and ends its artifact with it', async () => {
    const { write, call, job } = await begun();
    expect((await refusal(write(event(3, 'log')))).code).toBe('INVALID_REQUEST');
    await write(event(2, 'status'));
    expect((await refusal(write(event(3, 'status')))).code).toBe('INVALID_REQUEST');
    expect((await refusal(write(event(3, 'delegate')))).code).toBe('INVALID_REQUEST');
    await write(event(3, 'log'));
    expect((await refusal(write(end(4, 'success', 'X')))).code).toBe('INVALID_REQUEST');
    expect((await refusal(write(end(4, 'error', null)))).code).toBe('INVALID_REQUEST');
    await write(end(4, 'success', null));
    expect((await refusal(write(end(5, 'error', 'X')))).code).toBe('INVALID_REQUEST');
    expect((await refusal(write(event(5, 'log')))).code).toBe('INVALID_REQUEST');
    expect((await refusal(call('aga_inspect', {}, as(job.child_artifact_hash)))).code).toBe('ARTIFACT_REVOKED');
    expect(await call('aga_get_job', { job_id: job.job_id })).toMatchObject({ state: 'success', last_event: 4 });
  });

  it('has ended when its entry says, also for a process that has looked since', async () => {
    const { store, write, job, clock } = await begun();
    await write(end(2, 'success', null));
    const { rows } = await store.read({ after: -1, limit: 99 });
    const late = new Ledger(ORIGIN);
    for (const row of rows.slice(0, -1)) late.absorb(row);
    late.state.advance(clock.now + 5);
    late.absorb(rows.at(-1)!);
    expect(late.state.jobs.get(job.job_id)?.endedAt).toBe(clock.now);
  });

  it('is no success after the end of its authority, and says so before it is written down', async () => {
    const { write, call, clock, job } = await begun({ ttl_seconds: 60 });
    clock.now += 60_000;
    const { job_id } = job;
    const late = { state: 'error', error: { code: 'LEASE_EXPIRED' }, last_event: 1 };
    expect(await call('aga_get_job', { job_id })).toMatchObject(late);
    expect((await refusal(write(end(2, 'success', null)))).code).toBe('INVALID_REQUEST');
    expect((await refusal(write(event(2, 'status')))).code).toBe('INVALID_REQUEST');
    await write(end(2, 'error', 'LEASE_EXPIRED'));
    expect((await refusal(call('aga_inspect', {}, as(job.child_artifact_hash)))).code).toBe('LEASE_EXPIRED');
    clock.now += MEMORY - 1;
    expect((await call('aga_get_job', { job_id })).state).toBe('error');
    clock.now += 1;
    expect((await refusal(call('aga_get_job', { job_id }))).code).toBe('JOB_NOT_FOUND');
  });

  it('looks the same after a snapshot, also long after', async () => {
    const { write, store, clock, call } = await begun();
    await write(event(2, 'status'));
    await call('aga_dispatch_job', { agent: 'worker', input: null, permissions: { 'cost.budget': ['USD:1'] } });
    await write(end(3, 'cancelled', 'CANCELLED'));
    const [one, other] = [new Ledger(ORIGIN), new Ledger(ORIGIN)];
    for (const row of (await chainOf(store)).rows) for (const each of [one, other]) each.absorb(row);
    const thawed = thaw(freeze(other, KEYS.log), ORIGIN, KEYS.log.publicKey)!;
    expect(portrait(thawed.state)).toEqual(portrait(one.state));
    for (const each of [one, thawed]) each.state.advance(clock.now + MEMORY + 1);
    expect(portrait(thawed.state)).toEqual(portrait(one.state));
    expect(thawed.state.jobs.size).toBe(1);
  });

  it('cannot be claimed for an artifact of somebody else', async () => {
    const { store, job } = await begun();
    const entries = entriesOf(await chainOf(store));
    const found = (changes: object) =>
      faults(
        rebuilt(
          entries.map((entry) =>
            entry.event.kind === 'JOB_ACCEPTED' ? { ...entry, event: { ...entry.event, ...changes } } : entry,
          ),
        ),
      );
    expect(await found({})).toEqual([]);
    for (const changes of [
      { agent: 'other@1.0.0' },
      { job_id: '0'.repeat(32) },
      { artifact_hash: job.child_artifact_hash },
    ]) {
      expect(await found(changes)).toEqual(['3 law.INVALID_REQUEST']);
    }
  });
});
