/** Calls that cost something: held before, settled after, and refused as a tool error once nothing is left. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assemble, type Installation } from '../../../src/assemble.ts';
import { Refusal } from '../../../src/base/refusal.ts';
import { bound, operator } from '../../../src/caller.ts';
import { settings } from '../../../src/config.ts';
import { Charging } from '../../../src/edge/gateway/charging.ts';
import { pricesOf } from '../../../src/edge/gateway/pricing.ts';
import type { Session } from '../../../src/edge/mcp/session.ts';
import { as, kernel } from '../../kernel.ts';
import { directory } from '../../scratch.ts';

const dataDir = directory();
let installation: Installation;
let session: Session;

beforeAll(async () => {
  const config = join(dataDir, 'config.json');
  const upstream = {
    command: process.execPath,
    args: ['--no-warnings', join(import.meta.dirname, 'priced.process.ts')],
  };
  const prices = {
    'shop/flat': { per_call: 'USD:0.30' },
    'shop/broken': { per_call: 'USD:0.30' },
    'shop/sized': { per_kib: 'USD:0.01' },
    'shop/said': { result: '/usage/cost', currency: 'USD', reserve: 'USD:0.50' },
  };
  const agents = { 'far@1.0.0': { remote: true, budget_exhausted: 'end' } };
  writeFileSync(config, JSON.stringify({ upstreams: { shop: upstream }, prices, agents, refusals_per_minute: 1000 }));
  installation = await assemble(settings({ 'data-dir': dataDir, config }, {}, process.platform));
  session = installation.session(operator());
});
afterAll(async () => {
  await installation.close();
});

let calls = 0;
const call = (name: string, given: object = {}) => callIn(session, name, given);
const callIn = async (session: Session, name: string, given: object) => {
  calls += 1;
  const { signal } = new AbortController();
  const request = { name, arguments: given as never, meta: {}, requestId: calls, signal, progress: () => {} };
  const { isError, content, structuredContent } = await session.callTool(request);
  if (isError) throw Object.assign(new Error(), JSON.parse(String(content[0]?.text)).error);
  return structuredContent as any; // answers of several tools
};
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error) => error.code,
  );
const left = async () => (await call('aga_inspect', { view: 'tree' })).tree[0].budget_left[0];
const root = (budget: string[]) =>
  call('aga_create_artifact', { permissions: { 'tool.call': ['**'], 'cost.budget': budget } });
const kinds = async () =>
  (await call('aga_query_chain', { limit: 500 })).entries.map(({ event }: { event: { kind: string } }) => event.kind);

describe('a priced call', () => {
  it('is paid for, and refused when nothing is left for it', async () => {
    await root(['USD:1']);
    for (const rest of ['USD:0.7', 'USD:0.4', 'USD:0.1']) {
      await call('shop__flat');
      expect(await left()).toBe(rest);
    }
    expect(await codeOf(call('shop__flat'))).toBe('BUDGET_EXHAUSTED');
    await call('shop__free');
    expect(await left()).toBe('USD:0.1');
    expect((await kinds()).slice(-5)).toEqual(['DECISION', 'SPEND_RESERVED', 'SPEND_SETTLED', 'DECISION', 'DECISION']);
  });

  it('is never overspent by many at once', async () => {
    await root(['USD:1']);
    const codes = await Promise.all(Array.from({ length: 10 }, () => codeOf(call('shop__flat', { slow: 20 }))));
    expect(codes.filter((code) => code === 'none')).toHaveLength(3);
    expect(codes.filter((code) => code === 'BUDGET_EXHAUSTED')).toHaveLength(7);
    expect(await left()).toBe('USD:0.1');
  });

  it('is paid by its size, each begun kibibyte', async () => {
    await root(['USD:0.10']);
    await call('shop__sized', { bytes: 3000 });
    expect(await left()).toBe('USD:0.07');
    expect(await codeOf(call('shop__sized', { bytes: 20_000 }))).toBe('BUDGET_EXHAUSTED');
    expect(await left()).toBe('USD:0');
    expect(await codeOf(call('shop__sized'))).toBe('BUDGET_EXHAUSTED');
  });

  it('is paid by what its answer says, in full where that is nothing, and more than was held where that is left', async () => {
    await root(['USD:3']);
    await call('shop__said', { cost: 0.07 });
    expect(await left()).toBe('USD:2.93');
    await call('shop__said', { cost: 1e-7 });
    expect(await left()).toBe('USD:2.9299999');
    await call('shop__said', { cost: '0.0299999' });
    expect(await left()).toBe('USD:2.9');
    for (const cost of [-1, 'much', null, {}]) await call('shop__said', { cost });
    expect(await left()).toBe('USD:0.9');
    await call('shop__said', { cost: 0.6 });
    expect(await left()).toBe('USD:0.3');
    expect(await codeOf(call('shop__said', { cost: 0.1 }))).toBe('BUDGET_EXHAUSTED');
  });

  it('ends the job that ends with its budget: refused before, or when its answer costs more than is left', async () => {
    const { artifact_hash: parent_artifact_hash } = await root(['USD:2', 'EUR:1']);
    for (const [name, given] of [
      ['shop__flat', {}],
      ['shop__sized', { bytes: 80_000 }],
    ] as const) {
      const rights = { 'tool.call': ['**'], 'agent.delegate': ['far@*'] };
      const asked = {
        agent: 'far',
        input: null,
        permissions: { ...rights, 'cost.budget': ['USD:0.65'] },
        parent_artifact_hash,
      };
      const { job_id, child_artifact_hash } = await call('aga_dispatch_job', asked);
      const { job_id: inner } = await call('aga_dispatch_job', {
        ...asked,
        permissions: { 'tool.call': ['**'], 'cost.budget': ['USD:0.01'] },
        parent_artifact_hash: child_artifact_hash,
      });
      const agent = installation.session(bound(child_artifact_hash, 'process'));
      const act = (tool: string, more: object = {}) => callIn(agent, tool, more);
      for (let at = 0; at < 2; at++) await act('shop__flat');
      expect(await installation.jobs.take(operator(), 0)).toMatchObject({ job_id });
      expect(await installation.jobs.say(operator(), job_id, [])).toEqual({ state: 'running', code: null });
      expect(await codeOf(act(name, given))).toBe('BUDGET_EXHAUSTED');
      expect(await call('aga_get_job', { job_id })).toMatchObject({
        state: 'error',
        error: { code: 'BUDGET_EXHAUSTED' },
      });
      // The worker elsewhere is told so, and its result comes too late.
      const over = { state: 'error', code: 'BUDGET_EXHAUSTED' };
      expect(await installation.jobs.say(operator(), job_id, [{ type: 'result', result: 'late' }])).toEqual(over);
      expect(await call('aga_get_job', { job_id: inner })).toMatchObject({ state: 'cancelled' });
    }
  });

  it('is not for whoever has no budget', async () => {
    await call('aga_create_artifact', {});
    expect(await codeOf(call('shop__flat'))).toBe('BUDGET_EXHAUSTED');
    await call('shop__free');
  });

  it('that was made and could not be settled is not one to make again', { timeout: 60_000 }, async () => {
    await root(['USD:1']);
    const made = call('shop__flat', { slow: 500 }).catch((error) => error);
    await expect.poll(left).toBe('USD:0.7');
    const other = new DatabaseSync(join(dataDir, 'chain.db'));
    other.exec('BEGIN IMMEDIATE');
    const no = await made;
    other.close();
    expect(no).toMatchObject({ code: 'INTERNAL', retryable: false, hint: expect.stringMatching(/Do not repeat/) });
    expect(await left()).toBe('USD:0.7');
  });

  it('is paid for, whoever of its subtree would end what is held for it', async () => {
    const { artifact_hash } = await root(['USD:0.30']);
    const agent = installation.session(bound(artifact_hash, 'process'));
    const made = callIn(agent, 'shop__flat', { slow: 500 });
    await expect.poll(left).toBe('USD:0');
    const { entries } = await callIn(agent, 'aga_query_chain', { kind: 'SPEND_RESERVED', limit: 500 });
    const { reservation_id } = entries.at(-1).event;
    for (const end of [{ action: 'release' }, { action: 'settle', amounts: ['USD:0'] }])
      expect(await codeOf(callIn(agent, 'aga_spend', { ...end, reservation_id }))).toBe('PERMISSION_DENIED');
    await made;
    expect(await left()).toBe('USD:0');
  });

  it('costs nothing where the upstream failed', async () => {
    await root(['USD:1']);
    expect(await codeOf(call('shop__broken'))).toBe('UPSTREAM_FAILED');
    expect(await left()).toBe('USD:1');
  });

  it('leaves a chain that holds against the law', async () => {
    expect(await call('aga_verify', { target: 'chain' })).toMatchObject({ valid: true, findings: [] });
  });
});

describe('a call that outlives what was held for it', () => {
  const price = pricesOf({ 'a/b': { per_call: 'USD:0.30' } })('a/b')!;
  const acts = [{ capability: 'tool.call', resource: 'a/b' }] as const;
  const question = { tool: 'a/b', acts, argumentsDigest: '', requestId: 1, price };

  async function slow(meanwhile: string[]) {
    const k = kernel();
    const permissions = { 'tool.call': ['**'], 'cost.budget': ['USD:1'] };
    const { artifact_hash: artifact } = await k.call('aga_create_artifact', { permissions });
    const { held } = await k.service.decide(as(artifact), question, 'enforce');
    const paid = new Charging(k.service).paid({ artifact, ...held! }, price, async () => {
      k.clock.now += 15 * 60_000;
      if (meanwhile.length > 0) await k.call('aga_spend', { action: 'reserve', amounts: meanwhile });
      return { content: [] };
    });
    return { paid, left: async () => (await k.call('aga_inspect', { view: 'tree' })).tree[0].budget_left[0] };
  }

  it('is paid for all the same', async () => {
    const { paid, left } = await slow([]);
    expect(await paid).toEqual({ content: [] });
    expect(await left()).toBe('USD:0.7');
  });

  it('is not shown where what was released is given to another', async () => {
    const { paid, left } = await slow(['USD:0.8']);
    expect(await codeOf(paid)).toBe('BUDGET_EXHAUSTED');
    expect(await left()).toBe('USD:0.2');
  });
});

it.each(['slice', 'pool'])(
  'a call whose artifact is ended on its way is paid from above it: %s',
  async (budget_mode) => {
    const price = pricesOf({ 'a/b': { per_call: 'USD:0.30' } })('a/b')!;
    const acts = [{ capability: 'tool.call', resource: 'a/b' }] as const;
    const k = kernel();
    const permissions = { 'tool.call': ['**'], 'cost.budget': ['USD:1'] };
    await k.call('aga_create_artifact', { permissions });
    const rest: string[] = [];
    const over = new Refusal('ARTIFACT_REVOKED', 'The artifact was revoked.');
    for (let given = 0; given < 3; given += 1) {
      const asked = { permissions: { 'tool.call': ['**'], 'cost.budget': ['USD:0.30'] }, budget_mode };
      const { child_artifact_hash: artifact } = await k.call('aga_delegate_to_subagent', asked);
      const question = { tool: 'a/b', acts, argumentsDigest: '', requestId: 1, price };
      const { held } = await k.service.decide(as(artifact), question, 'enforce');
      const paid = new Charging(k.service).paid({ artifact, ...held! }, price, async () => {
        await k.call('aga_revoke_artifact', { artifact_hash: artifact, reason: 'again' });
        throw over;
      });
      await expect(paid).rejects.toBe(over);
      rest.push((await k.call('aga_inspect', { view: 'tree' })).tree[0].budget_left[0]);
    }
    expect(rest).toEqual(['USD:0.7', 'USD:0.4', 'USD:0.1']);
    expect((await k.audit()).findings).toEqual([]);
  },
);

describe('a price', () => {
  it('is an exact amount', () => {
    expect(() => pricesOf({ 'a/b': { per_call: 'USD:1e3' } })).toThrow(/prices\.a\/b/);
  });

  it('is found in what a tool answers, and in the result around that', () => {
    const costAt = (result: string, answer: object) =>
      pricesOf({ 'a/b': { result, currency: 'USD', reserve: 'USD:1' } })('a/b')!.cost({ content: [], ...answer });
    const text = { content: [{ type: 'text', text: '{"cost":"0.5","list":[{"~/":2}]}' }] };
    const paid = (units: bigint) => new Map([['USD', units]]);
    const half = paid(5n * 10n ** 17n);
    expect(costAt('/cost', text)).toEqual(half);
    expect(costAt('/list/0/~0~1', text)).toEqual(paid(2n * 10n ** 18n));
    expect(costAt('/cost', { structuredContent: { cost: 0.5 } })).toEqual(half);
    expect(costAt('/structuredContent/cost', { structuredContent: { cost: 0.5 } })).toEqual(half);
    expect(costAt('/_meta/cost', { ...text, _meta: { cost: 0.5 } })).toEqual(half);
    expect(costAt('/content/0/toString', text)).toBeNull();
    // What the tool says goes before what stands around it.
    expect(costAt('/_meta/cost', { structuredContent: { _meta: { cost: 0.5 } }, _meta: { cost: 1 } })).toEqual(half);
  });

  it('reads numbers of every size as whoever wrote them meant them', () => {
    const price = pricesOf({ 'a/b': { result: '/cost', currency: 'USD', reserve: 'USD:1' } })('a/b')!;
    const cost = (value: unknown) =>
      price.cost({ content: [], structuredContent: { cost: value as never } })?.get('USD');
    expect([0.1, 1e-18, 1.5e-7, 123456789, 1e21].map(cost)).toEqual([
      10n ** 17n,
      1n,
      15n * 10n ** 10n,
      123456789n * 10n ** 18n,
      10n ** 39n,
    ]);
    expect([Number.NaN, -0.1, {}, true, 1e-19].map(cost)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
