import { expect } from 'vitest';
import { DelegateError } from '../../src/client/index.ts';

/** What the call ends in; fails where that is no refusal. */
export async function thrown(promise: Promise<unknown>): Promise<DelegateError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DelegateError);
  return error as DelegateError;
}
