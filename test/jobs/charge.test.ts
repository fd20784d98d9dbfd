/** A job whose end cannot be written: it is tried until it can, and the operator is not left in the dark. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Refusal } from '../../src/base/refusal.ts';
import { Charge, type ChargeOptions } from '../../src/jobs/charge.ts';
import type { JobRecord } from '../../src/jobs/record.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('says once a minute that the end is still not written, and stops when it is', async () => {
  const said: unknown[] = [];
  let tries = 0;
  let isFull = true;
  const record = {
    ended: async () => {
      tries += 1;
      if (isFull) throw new Refusal('INTERNAL', 'The disk is full, nothing was written.');
    },
  } as unknown as JobRecord; // of a job that never spoke
  const charge = new Charge({
    task: { jobId: 'job-1' } as ChargeOptions['task'],
    agent: { isRemote: true } as ChargeOptions['agent'],
    record,
    grace: 0,
    changed: () => {},
    report: (error) => said.push((error as Error).message),
  });
  await charge.end({ state: 'cancelled', code: 'CANCELLED', said: null });
  expect(said).toEqual(['The disk is full, nothing was written.']);
  await vi.advanceTimersByTimeAsync(59_000);
  expect([tries, said.length]).toEqual([30, 1]);
  await vi.advanceTimersByTimeAsync(2_000);
  const still = 'The end of job job-1 is still not written: The disk is full, nothing was written.';
  expect(said.slice(1)).toEqual([still]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(said.slice(2)).toEqual([still]);
  isFull = false;
  await vi.advanceTimersByTimeAsync(600_000);
  expect([tries, said.length]).toEqual([62, 3]);
});
