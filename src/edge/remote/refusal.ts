import { type Code, REFUSALS, Refusal } from '../../base/refusal.ts';
import { DelegateError } from '../../client/index.ts';

/** What another authority refused, as a refusal of ours. Anything else comes back as it is. */
export function asRefusal(error: unknown): unknown {
  if (!(error instanceof DelegateError)) return error;
  const { code, message, hint, detail } = error;
  // A newer authority may have codes that we do not know.
  return new Refusal(Object.hasOwn(REFUSALS, code) ? (code as Code) : 'UPSTREAM_FAILED', message, { hint, detail });
}
