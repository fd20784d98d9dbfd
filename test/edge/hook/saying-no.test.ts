import { expect, it } from 'vitest';
import { Refusal } from '../../../src/base/refusal.ts';
import { inTime, reasonOf } from '../../../src/edge/cli/commands/hook.ts';

it('says what was wrong, what is permitted, and what to do', () => {
  const detail = { nearest_allowed: { permissions: { 'fs.read': ['/ws/**'] } } };
  expect(reasonOf(new Refusal('PERMISSION_DENIED', '"a" is not matched', { hint: 'Ask for it.', detail }))).toBe(
    'PERMISSION_DENIED: "a" is not matched. Permitted is {"fs.read":["/ws/**"]}. Ask for it.',
  );
  expect(reasonOf(new Refusal('INTERNAL', 'It broke.', { hint: '' }))).toBe('INTERNAL: It broke.');
});

it('is no answer after a time', async () => {
  await expect(inTime(new Promise(() => undefined), 5)).rejects.toMatchObject({ code: 'INTERNAL' });
  await expect(inTime(Promise.resolve(1), 5)).resolves.toBe(1);
  await expect(inTime(Promise.reject(new Refusal('NO_ARTIFACT', 'x')), 5)).rejects.toMatchObject({
    code: 'NO_ARTIFACT',
  });
});
