import { readdirSync, writeFileSync } from 'node:fs';
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
