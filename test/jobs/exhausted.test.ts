/** Jobs whose agent is registered to end with its budget: the first spend that its ceiling refuses ends the whole work. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../src/authority/ledger.ts';
import { freeze, thaw } from '../../src/authority/snapshot.ts';
import type { Caller } from '../../src/caller.ts';
import { parseAgents } from '../../src/tools/available.ts';
import { chainOf } from '../authority/forge.ts';
import { as, KEYS, kernel, kinds, ORIGIN, POLICY, refusal } from '../kernel.ts';

const agents = parseAgents({
  'ends@1.0.0': { budget_exhausted: 'end' },
  'goes-on@1.0.0': { budget_exhausted: 'refuse' },
  'usual@1.0.0': {},
});
const jobs = { agents, supervisor: 'test' };
const policy = { ...POLICY, jobs };
const rights = { 'agent.delegate': ['*', '*@*'] };

interface Given {
  readonly id: string;
  readonly artifact: string;
  readonly caller: Caller;
}

async function office() {
  const game = kernel({ policy });
  const { artifact_hash: root } = await game.call('aga_create_artifact', {
    permissions: { ...rights, 'cost.budget': ['USD:5', 'EUR:1'] },
  });
  /** A job below `parent`; with a budget of its own, or drawing on that of its parent. */
  const give = async (agent: string, parent: string, slice?: string): Promise<Given> => {
    const permissions = { ...rights, ...(slice && { 'cost.budget': [slice] }) };
    const asked = { agent, input: null, parent_artifact_hash: parent, permissions };
    const { job_id: id, child_artifact_hash: artifact } = await game.call('aga_dispatch_job', asked);
    return { id, artifact, caller: as(artifact) };
  };
  const spend = async ({ caller }: Given, amount: string): Promise<any> => {
    const { reservation_id } = await game.call('aga_spend', { action: 'reserve', amounts: [amount] }, caller);
    return game.call('aga_spend', { action: 'settle', reservation_id }, caller);
  };
  const stands = async ({ id }: Given): Promise<string> => {
    const { state, error } = await game.call('aga_get_job', { job_id: id });
    return error ? `${state} ${error.code}` : state;
  };
  return { ...game, root, give, spend, stands };
}

let game: Awaited<ReturnType<typeof office>>;
beforeEach(async () => {
  game = await office();
});
afterEach(async () => {
  expect((await game.audit()).findings).toEqual([]);
});

const broke = (made: Promise<unknown>) => refusal(made).then(({ code }) => expect(code).toBe('BUDGET_EXHAUSTED'));
const tail = async (count: number): Promise<string[]> => (await kinds(game.store)).slice(-count);

describe('a job that ends with its budget', () => {
  it('lives while it spends its last cent, and ends with the next, in the commit of the refusal', async () => {
    const job = await game.give('ends', game.root, 'USD:1');
    await game.spend(job, 'USD:1');
    expect(await game.stands(job)).toBe('pending');
    const refused = await refusal(game.spend(job, 'USD:0.01'));
    expect(refused).toMatchObject({
      code: 'BUDGET_EXHAUSTED',
      detail: { refused_by: { artifact_hash: job.artifact } },
    });
    expect(await game.stands(job)).toBe('error BUDGET_EXHAUSTED');
    expect(await tail(2)).toEqual(['REFUSAL', 'JOB_ENDED']);
    expect((await refusal(game.spend(job, 'USD:0.01'))).code).toBe('ARTIFACT_REVOKED');
  });

  it('is one of its registry entry only: all others are told, and go on', async () => {
    for (const agent of ['goes-on', 'usual']) {
      const job = await game.give(agent, game.root, 'USD:1');
      await broke(game.spend(job, 'USD:1.01'));
      expect(await game.stands(job)).toBe('pending');
      expect(await tail(1)).toEqual(['REFUSAL']);
      await game.spend(job, 'USD:1');
    }
  });

  it('ends by what its subtree is refused, with all jobs below it', async () => {
    const outer = await game.give('ends', game.root, 'USD:2');
    const middle = await game.give('usual', outer.artifact);
    const inner = await game.give('ends', middle.artifact);
    const beside = await game.give('usual', outer.artifact, 'USD:0.5');
    const other = await game.give('ends', game.root);
    await broke(game.spend(inner, 'USD:1.51'));
    expect(await Promise.all([outer, inner].map(game.stands))).toEqual(Array(2).fill('error BUDGET_EXHAUSTED'));
    expect(await Promise.all([middle, beside].map(game.stands))).toEqual(Array(2).fill('cancelled ARTIFACT_REVOKED'));
    expect(await tail(3)).toEqual(['REFUSAL', 'JOB_ENDED', 'JOB_ENDED']);
    expect(await game.stands(other)).toBe('pending');
    // Nothing was spent, and all of it is there again.
    await game.spend(other, 'USD:5');
  });

  it('ends by a ceiling above it, and not by one below it', async () => {
    const outer = await game.give('ends', game.root);
    const inner = await game.give('ends', outer.artifact, 'USD:1');
    await broke(game.spend(inner, 'USD:1.5'));
    expect(await game.stands(inner)).toBe('error BUDGET_EXHAUSTED');
    expect(await game.stands(outer)).toBe('pending');
    await game.call('aga_spend', { action: 'reserve', amounts: ['USD:5'] });
    await broke(game.spend(outer, 'USD:0.01'));
    expect(await game.stands(outer)).toBe('error BUDGET_EXHAUSTED');
  });

  it('does not end by what is no want of money', async () => {
    const job = await game.give('ends', game.root, 'USD:1');
    expect((await refusal(game.spend(job, 'EUR:1'))).code).toBe('PERMISSION_DENIED');
    expect((await refusal(game.spend(job, 'USD:-1'))).code).toBe('INVALID_REQUEST');
    const { reservation_id } = await game.call('aga_spend', { action: 'reserve', amounts: ['USD:0.5'] }, job.caller);
    // More than was reserved, while there is more.
    await broke(game.call('aga_spend', { action: 'settle', reservation_id, amounts: ['USD:0.6'] }, job.caller));
    // A question is no spending.
    const asked = { capability: 'cost.budget', resource: 'USD:0.8' };
    expect(await game.call('aga_check_permission', asked, job.caller)).toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    // Nor is a sub-agent that is asked for with more than there is.
    const child = { sub_agent_id: 'helper', permissions: { 'cost.budget': ['USD:0.9'] } };
    await broke(game.call('aga_delegate_to_subagent', child, job.caller));
    expect(await game.stands(job)).toBe('pending');
  });

  it('ends whoever is told no: the operator who spends for it, and a caller whose refusals fill the record', async () => {
    const job = await game.give('ends', game.root, 'USD:1');
    const asked = { action: 'reserve', amounts: ['USD:2'], artifact_hash: job.artifact };
    await broke(game.call('aga_spend', asked));
    expect(await game.stands(job)).toBe('error BUDGET_EXHAUSTED');
    const loud = await game.give('ends', game.root, 'USD:1');
    for (let at = 0; at < 61; at++) await refusal(game.call('aga_create_artifact', {}, loud.caller));
    await broke(game.spend(loud, 'USD:2'));
    expect(await game.stands(loud)).toBe('error BUDGET_EXHAUSTED');
    expect(await tail(2)).toEqual(['REFUSAL', 'JOB_ENDED']);
  });

  it('ends once where many are told no together', async () => {
    const job = await game.give('ends', game.root, 'USD:1');
    const all = await Promise.all(Array.from({ length: 20 }, () => refusal(game.spend(job, 'USD:2'))));
    expect(new Set(all.map(({ code }) => code))).toEqual(new Set(['BUDGET_EXHAUSTED', 'ARTIFACT_REVOKED']));
    expect((await kinds(game.store)).filter((kind) => kind === 'JOB_ENDED')).toHaveLength(1);
  });

  it('ends by a priced call at the gateway, in the commit of the verdict; in shadow mode it goes on', async () => {
    const job = await game.give('ends', game.root, 'USD:1');
    const acts = [{ capability: 'agent.delegate', resource: 'x' }] as const;
    const most = new Map([['USD', 2n * 10n ** 18n]]);
    const question = { acts, tool: null, argumentsDigest: '', requestId: 1, price: { least: most, most } };
    expect((await game.service.decide(job.caller, question, 'shadow')).code).toBe('BUDGET_EXHAUSTED');
    expect(await game.stands(job)).toBe('pending');
    expect((await game.service.decide(job.caller, question, 'enforce')).code).toBe('BUDGET_EXHAUSTED');
    expect(await game.stands(job)).toBe('error BUDGET_EXHAUSTED');
    expect(await tail(2)).toEqual(['DECISION', 'JOB_ENDED']);
  });

  it('is known to every process by the chain alone, and by a snapshot of it', async () => {
    const job = await game.give('ends', game.root, 'USD:1');
    const ledger = new Ledger(ORIGIN);
    for (const row of (await chainOf(game.store)).rows) ledger.absorb(row);
    const kept = thaw(freeze(ledger, KEYS.log), ORIGIN, KEYS.log.publicKey)!;
    for (const { state } of [ledger, kept]) expect(state.jobs.get(job.id)?.endsWithBudget).toBe(true);
    const stranger = kernel({ store: game.store });
    await broke(stranger.call('aga_spend', { action: 'reserve', amounts: ['USD:2'] }, job.caller));
    expect(await game.stands(job)).toBe('error BUDGET_EXHAUSTED');
  });
});
