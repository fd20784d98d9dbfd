/** The delegate call, tried like a careful tester with curl tries it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, authority, type Enrolled } from './fixture.ts';

let site: Authority;
let coordinator: Enrolled;
beforeAll(async () => {
  site = await authority();
  coordinator = await site.coordinator({ permissions: { 'tool.call': ['a/*'], 'fs.write': ['/ws/**'] } });
});
afterAll(() => site.close());

const delegate = (body: object) =>
  site.send('POST', `/api/v1/agents/${coordinator.id}/delegate`, body, coordinator.session);

describe('a delegate call', () => {
  it.each([[''], [' '], ['nope'], ['Sandboxed'], [null], [5], [['sandboxed']]])(
    'with the preset %j is refused as an invalid request',
    async (policyPreset) => {
      const { status, json } = await delegate({ subAgentName: 'kid', policyPreset });
      expect([status, json.error.code]).toEqual([400, 'INVALID_REQUEST']);
      expect(site.reports).toEqual([]);
    },
  );

  it('is granted to a coordinator whose permissions were named', async () => {
    const { status, json } = await delegate({ subAgentName: 'worker' });
    expect([status, json.permissions]).toEqual([200, { 'tool.call': ['a/*'] }]);
  });

  it('says what would have passed in the members that it was asked with', async () => {
    const { status, json } = await delegate({ subAgentName: 'greedy', permissions: { 'tool.call': ['**'] } });
    expect([status, json.error.code]).toEqual([403, 'LEASE_SUBSET_VIOLATION']);
    const again = await delegate({
      subAgentName: 'greedy',
      ...json.error.detail.nearest_allowed,
    });
    expect([json.error.detail.nearest_allowed.permissions, again.status]).toEqual([{ 'tool.call': ['a/*'] }, 200]);
  });

  it('says them with the names that they have here', async () => {
    const strict = await site.coordinator({ permissions: { 'tool.call': ['a/*'] }, min_binding: 'bearer' });
    const path = `/api/v1/agents/${strict.id}/delegate`;
    const asked = { subAgentName: 'weak', permissions: { 'tool.call': ['a/b', 'c'] }, minBinding: 'handle' };
    const { status, json } = await site.send('POST', path, asked, strict.session);
    expect([status, json.error.detail.nearest_allowed]).toEqual([
      403,
      { permissions: { 'tool.call': ['a/b'] }, minBinding: 'bearer' },
    ]);
    const again = await site.send('POST', path, { ...asked, ...json.error.detail.nearest_allowed }, strict.session);
    expect(again.status).toBe(200);
  });
});
