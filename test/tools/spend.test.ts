import { describe, expect, it } from 'vitest';
import { parsePresets } from '../../src/scope/preset.ts';
import { as, type Kernel, kernel, kinds, POLICY, refusal } from '../kernel.ts';

const BUDGET = { permissions: { 'cost.budget': ['USD:5.00', 'EUR:1'], 'tool.call': ['**'], 'agent.delegate': ['*'] } };

async function rooted(policy = POLICY): Promise<Kernel & { root: string }> {
  const game = kernel({ policy });
  const { artifact_hash } = await game.call('aga_create_artifact', BUDGET);
  return { ...game, root: artifact_hash };
}

const child = async ({ call }: Kernel, budget: string[] | undefined, more: object = {}): Promise<string> =>
  (
    await call('aga_delegate_to_subagent', {
      permissions: { 'tool.call': ['**'], 'agent.delegate': ['*'], ...(budget && { 'cost.budget': budget }) },
      ...more,
    })
  ).child_artifact_hash;

const reserve = ({ call }: Kernel, amounts: string[], artifact_hash?: string, more: object = {}) =>
  call('aga_spend', { action: 'reserve', amounts, ...(artifact_hash && { artifact_hash }), ...more });

/** What each level has left in dollars, root first. */
const dollars = ({ remaining }: { remaining: { amounts: string[] }[] }): (string | undefined)[] =>
  remaining.map(({ amounts }) => amounts.find((amount) => amount.startsWith('USD'))?.slice(4));

const left = async ({ call }: Kernel, artifact_hash: string): Promise<string[]> =>
  (await call('aga_inspect', { artifact_hash, view: 'tree' })).tree[0].budget_left;

describe('aga_spend', () => {
  it('reserves, settles less and gives the rest back', async () => {
    const game = await rooted();
    const held = await reserve(game, ['USD:2.50']);
    expect(dollars(held)).toEqual(['2.5']);
    expect(held.expires_at).toBe(new Date(game.clock.now + 15 * 60_000).toISOString());
    const { reservation_id } = held;
    const settled = await game.call('aga_spend', { action: 'settle', reservation_id, amounts: ['USD:0.01'] });
    expect(dollars(settled)).toEqual(['4.99']);
    expect(settled).toMatchObject({ reservation_id, expires_at: null });
    expect((await refusal(game.call('aga_spend', { action: 'settle', reservation_id }))).code).toBe(
      'ARTIFACT_NOT_FOUND',
    );
    const other = await reserve(game, ['USD:4.99', 'EUR:1']);
    expect((await refusal(reserve(game, ['EUR:0.000000000000000001']))).code).toBe('BUDGET_EXHAUSTED');
    expect(dollars(await game.call('aga_spend', { action: 'release', reservation_id: other.reservation_id }))).toEqual([
      '4.99',
    ]);
    expect((await game.audit()).findings).toEqual([]);
  });

  it('settles everything that was reserved where no amount is named, and never more', async () => {
    const game = await rooted();
    const { reservation_id } = await reserve(game, ['USD:1']);
    const over = await refusal(
      game.call('aga_spend', { action: 'settle', reservation_id, amounts: ['USD:1.000000001'] }),
    );
    expect(over).toMatchObject({ code: 'BUDGET_EXHAUSTED', detail: { reserved: ['USD:1'] } });
    const foreign = game.call('aga_spend', { action: 'settle', reservation_id, amounts: ['EUR:0.1'] });
    expect((await refusal(foreign)).code).toBe('BUDGET_EXHAUSTED');
    expect(dollars(await game.call('aga_spend', { action: 'settle', reservation_id }))).toEqual(['4']);
  });

  it.each([
    [['USD:-1']],
    [['USD:+1']],
    [['USD:1e2']],
    [['USD:NaN']],
    [['USD:01']],
    [['usd:1']],
    [['1']],
    [['USD:1,5']],
    [['USD: 1']],
    [['USD:0']],
    [[]],
    [undefined],
    [[5]],
  ])('refuses %j as INVALID_REQUEST', async (amounts) => {
    const game = await rooted();
    expect((await refusal(game.call('aga_spend', { action: 'reserve', amounts }))).code).toBe('INVALID_REQUEST');
    expect(await kinds(game.store)).toEqual(['GENESIS', 'ARTIFACT_CREATED']);
  });

  it('says that there is no budget in another currency, or none at all', async () => {
    const game = await rooted();
    expect((await refusal(reserve(game, ['CHF:0.01']))).code).toBe('PERMISSION_DENIED');
    const poor = kernel();
    await poor.call('aga_create_artifact', {});
    expect((await refusal(reserve(poor, ['USD:0.01']))).code).toBe('PERMISSION_DENIED');
    const asked = poor.call('aga_delegate_to_subagent', { permissions: { 'cost.budget': ['USD:0.01'] } });
    expect((await refusal(asked)).code).toBe('LEASE_SUBSET_VIOLATION');
  });

  it('finds the first answer of a repeated request, of a settlement too', async () => {
    const game = await rooted();
    const first = await reserve(game, ['USD:1'], undefined, { request_id: 'r' });
    await reserve(game, ['USD:1']);
    expect(await reserve(game, ['USD:1'], undefined, { request_id: 'r' })).toEqual(first);
    expect((await refusal(reserve(game, ['USD:2'], undefined, { request_id: 'r' }))).code).toBe('DUPLICATE_KEY');
    const settle = { action: 'settle', reservation_id: first.reservation_id, request_id: 's' };
    const settled = await game.call('aga_spend', settle);
    expect(await game.call('aga_spend', settle)).toEqual(settled);
  });

  it('lets only the subtree that reserved end a reservation', async () => {
    const game = await rooted();
    const [one, two] = [await child(game, undefined), await child(game, undefined)];
    const { child_artifact_hash: below } = await game.call('aga_delegate_to_subagent', {}, as(one));
    const { reservation_id } = await game.call('aga_spend', { action: 'reserve', amounts: ['USD:1'] }, as(one));
    const settle = { action: 'settle', reservation_id, amounts: ['USD:0.5'] };
    const foreign = await refusal(game.call('aga_spend', settle, as(two)));
    expect(foreign).toEqual(await refusal(game.call('aga_spend', { ...settle, reservation_id: 'x' }, as(two))));
    expect(foreign.code).toBe('ARTIFACT_NOT_FOUND');
    for (const artifact_hash of [two, game.root]) {
      expect((await refusal(game.call('aga_spend', { ...settle, artifact_hash }))).code).toBe('PERMISSION_DENIED');
    }
    expect((await refusal(game.call('aga_spend', settle, as(game.root)))).code).toBe('PERMISSION_DENIED');
    expect(dollars(await game.call('aga_spend', settle, as(below)))).toEqual(['4.5', '4.5']);
  });

  it('releases by itself what nobody ends', async () => {
    const game = await rooted();
    const { reservation_id } = await reserve(game, ['USD:5']);
    game.clock.now += 15 * 60_000 - 1;
    expect((await refusal(reserve(game, ['USD:1']))).code).toBe('BUDGET_EXHAUSTED');
    game.clock.now += 1;
    expect((await refusal(game.call('aga_spend', { action: 'settle', reservation_id }))).code).toBe(
      'ARTIFACT_NOT_FOUND',
    );
    expect(dollars(await reserve(game, ['USD:5']))).toEqual(['0']);
  });
});

describe('a slice', () => {
  it('is set aside when it is delegated, and what is left of it returns at the end', async () => {
    const game = await rooted();
    const one = await child(game, ['USD:3']);
    expect(await left(game, game.root)).toEqual(['EUR:1', 'USD:2']);
    expect(await left(game, one)).toEqual(['USD:3']);
    const { reservation_id } = await reserve(game, ['USD:1'], one);
    await game.call('aga_spend', { action: 'settle', reservation_id, amounts: ['USD:0.75'] });
    await reserve(game, ['USD:2'], one);
    expect(await left(game, game.root)).toEqual(['EUR:1', 'USD:2']);
    await game.call('aga_revoke_artifact', { artifact_hash: one, reason: 'done' });
    expect(await left(game, game.root)).toEqual(['EUR:1', 'USD:4.25']);
    expect(await left(game, one)).toEqual([]);
    expect((await game.audit()).findings).toEqual([]);
  });

  it('returns by itself when its time is up, and so does one below it', async () => {
    const game = await rooted();
    const one = await child(game, ['USD:3'], { ttl_seconds: 60 });
    await game.call(
      'aga_delegate_to_subagent',
      { permissions: { 'cost.budget': ['USD:2'], 'tool.call': ['**'] }, ttl_seconds: 600 },
      as(one),
    );
    expect(await left(game, one)).toEqual(['USD:1']);
    game.clock.now += 60_000;
    expect(await left(game, game.root)).toEqual(['EUR:1', 'USD:5']);
    await child(game, ['USD:5']);
  });

  it('is never of more than the parent has left, though within its cap', async () => {
    const game = await rooted();
    await child(game, ['USD:3']);
    const more = await refusal(child(game, ['USD:2.01']));
    expect(more).toMatchObject({ code: 'BUDGET_EXHAUSTED', detail: { refused_by: { depth: 0 } } });
    expect((await refusal(child(game, ['USD:5.01']))).code).toBe('LEASE_SUBSET_VIOLATION');
    expect((await refusal(child(game, undefined, { budget_mode: 'slice' }))).code).toBe('INVALID_REQUEST');
    await child(game, ['USD:2']);
    expect((await refusal(reserve(game, ['USD:0.01']))).code).toBe('BUDGET_EXHAUSTED');
  });
});

describe('a pool', () => {
  it('draws on its parent, within a cap of its own', async () => {
    const game = await rooted();
    const one = await child(game, ['USD:3'], { budget_mode: 'pool' });
    const two = await child(game, undefined);
    expect(await left(game, game.root)).toEqual(['EUR:1', 'USD:5']);
    expect(dollars(await reserve(game, ['USD:3'], one))).toEqual(['2', '0']);
    const refused = await refusal(reserve(game, ['USD:0.01'], one));
    expect(refused).toMatchObject({
      code: 'BUDGET_EXHAUSTED',
      detail: { refused_by: { artifact_hash: one, depth: 1 } },
    });
    expect(dollars(await reserve(game, ['USD:2'], two))).toEqual(['0', '0']);
    expect((await refusal(reserve(game, ['USD:0.01'], two))).detail.refused_by.artifact_hash).toBe(game.root);
  });

  it('releases what it held when it ends, and stays charged with what it spent', async () => {
    const game = await rooted();
    const one = await child(game, undefined);
    const { reservation_id } = await reserve(game, ['USD:2'], one);
    await game.call('aga_spend', { action: 'settle', reservation_id });
    await reserve(game, ['USD:3'], one);
    await game.call('aga_revoke_artifact', { artifact_hash: one, reason: 'done' });
    expect(await left(game, game.root)).toEqual(['EUR:1', 'USD:3']);
    expect((await game.audit()).findings).toEqual([]);
  });
});

describe('the money of a preset', () => {
  const thrifty = parsePresets({ thrifty: { permissions: { 'tool.call': ['**'], 'cost.budget': ['USD:3'] } } });
  const under = async (game: Kernel, policy_preset: string, more: object = {}): Promise<string> =>
    (await game.call('aga_delegate_to_subagent', { policy_preset, ...more })).child_artifact_hash;

  it.each([
    ['no permissions', {}],
    ['permissions that leave money out', { permissions: { 'tool.call': ['a/b'] } }],
    ['tools alone', { permitted_tools: ['a/b'] }],
  ])('is a ceiling for who names %s', async (_, more) => {
    const game = await rooted({ ...POLICY, presets: thrifty });
    const one = await under(game, 'thrifty', more);
    expect(await left(game, one)).toEqual(['USD:3']);
    expect((await refusal(reserve(game, ['USD:3.01'], one))).code).toBe('BUDGET_EXHAUSTED');
    // It has set nothing aside.
    expect(await left(game, game.root)).toEqual(['EUR:1', 'USD:5']);
    expect((await game.audit()).findings).toEqual([]);
  });

  it('is none where the preset permits nothing', async () => {
    const game = await rooted();
    const alone = await under(game, 'isolated', { permissions: {} });
    expect((await refusal(reserve(game, ['USD:0.01'], alone))).code).toBe('PERMISSION_DENIED');
  });

  it('is what the parent has left, where that is less and nobody asked for more', async () => {
    const game = await rooted({ ...POLICY, presets: thrifty });
    await reserve(game, ['USD:4']);
    expect(await left(game, await under(game, 'thrifty'))).toEqual(['USD:1']);
    const more = await refusal(under(game, 'thrifty', { permissions: { 'cost.budget': ['USD:2'] } }));
    expect(more.code).toBe('BUDGET_EXHAUSTED');
    await reserve(game, ['USD:1']);
    const late = await under(game, 'thrifty');
    expect((await refusal(reserve(game, ['USD:0.01'], late))).code).toBe('PERMISSION_DENIED');
  });
});

describe('aga_check_permission of a budget', () => {
  it('knows what is left', async () => {
    const game = await rooted();
    const ask = (resource: string) => game.call('aga_check_permission', { capability: 'cost.budget', resource });
    expect(await ask('USD:5')).toMatchObject({ allowed: true });
    await reserve(game, ['USD:3.50']);
    expect(await ask('USD:1.50')).toMatchObject({ allowed: true });
    expect(await ask('USD:1.51')).toMatchObject({ allowed: false, code: 'BUDGET_EXHAUSTED' });
    expect(await ask('USD:5.01')).toMatchObject({ allowed: false, code: 'PERMISSION_DENIED' });
    expect(await ask('CHF:1')).toMatchObject({ allowed: false, code: 'PERMISSION_DENIED' });
    expect(await ask('USD:1e1')).toMatchObject({ allowed: false, code: 'INVALID_REQUEST' });
  });
});
