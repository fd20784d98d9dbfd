import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { slipsIn } from '../../../src/edge/hook/slips.ts';
import { directory } from '../../scratch.ts';

const slip = { artifact: 'ab'.repeat(32) };

it('a slip is found under the name of the one use that it was left for', async () => {
  const slips = slipsIn(directory());
  await slips.leave('toolu_1', slip);
  expect(await slips.find('toolu_1')).toEqual(slip);
  expect(await slips.find('toolu_2')).toBeUndefined();
});

it('old ones are cleared away, some at a time, and no others', async () => {
  const folder = directory();
  const slips = slipsIn(folder);
  const uses = Array.from({ length: 600 }, (_, n) => `toolu_${n}`);
  for (const use of uses) await slips.leave(use, slip);
  const calls = join(folder, 'calls');
  const before = readdirSync(calls);
  expect(before).toHaveLength(600);
  const eightDays = Date.now() / 1000 - 8 * 24 * 3600;
  for (const name of before) utimesSync(join(calls, name), eightDays, eightDays);
  const left: number[] = [];
  for (const use of Array.from({ length: 300 }, (_, n) => `later_${n}`)) {
    await slips.leave(use, slip);
    left.push(before.filter((name) => existsSync(join(calls, name))).length);
    expect(await slips.find(use)).toEqual(slip);
  }
  const atOnce = left.map((now, at) => (left[at - 1] ?? 600) - now);
  expect(left.at(-1)).toBeLessThan(500);
  expect(Math.max(...atOnce)).toBeLessThan(100);
});

it('where none can be left, the refusal says why, and nothing stays', async () => {
  const folder = directory();
  writeFileSync(join(folder, 'calls'), '');
  await expect(slipsIn(folder).leave('toolu_1', slip)).rejects.toMatchObject({
    code: 'INTERNAL',
    message: 'What the hook knows of this call cannot be kept (EEXIST).',
    hint: expect.stringContaining('room'),
  });
  expect(readdirSync(folder)).toEqual(['calls']);
});
