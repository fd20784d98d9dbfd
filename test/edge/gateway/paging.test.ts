/** Lists of upstreams: whole, or refused, however they are cut into pages. */
import { expect, it } from 'vitest';
import { allPages } from '../../../src/edge/gateway/paging.ts';
import type { JsonObject } from '../../../src/edge/gateway/pointer.ts';

const pagesOf = (pages: readonly JsonObject[]) =>
  allPages({
    ask: async ({ cursor = '0' }) => pages[Number(cursor)] ?? {},
    member: 'tools',
    failed: (why) => new Error(why),
  });
const page = (count: number, nextCursor?: string): JsonObject => ({
  tools: Array.from({ length: count }, () => ({})),
  ...(nextCursor !== undefined && { nextCursor }),
});

it('are read to their end', async () => {
  expect(await pagesOf([page(2, '1'), page(0, '2'), page(3)])).toHaveLength(5);
});

it.each([
  ['one page that is too long', [page(200_000)]],
  ['one after another', Array.from({ length: 30 }, (_, i) => page(1_000, String(i + 1)))],
  ['without end', Array.from({ length: 100 }, (_, i) => page(1, String(i + 1)))],
  ['back at the beginning', [page(1, '0')]],
])('are refused: %s', async (_, pages) => {
  await expect(pagesOf(pages)).rejects.toThrow(/^(lists more than 10000 tools|has no end of tools)$/);
});

it('are refused where they are none', async () => {
  await expect(pagesOf([{ tools: {} }])).rejects.toThrow('malformed');
});
