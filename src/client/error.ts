import { sayUntrusted } from '../base/certificate.ts';

/** A no of the authority, as it said it: an `Error` with its code. */
export interface Told {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly detail?: unknown;
}

export class DelegateError extends Error {
  /** Also one of another copy of this library: `aga-delegate` and `aga-delegate/client` are two files. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    const named = value instanceof Error && value.name === 'DelegateError';
    // biome-ignore lint/complexity/noThisInStatic: a class that is derived from this one has instances of its own
    return this === DelegateError ? named : super[Symbol.hasInstance](value);
  }

  override readonly name = 'DelegateError';
  /** One of the refusal codes; a newer server may know more than this library. */
  readonly code: string;
  readonly hint: string;
  /** Whether the same call may succeed later without being changed. */
  readonly retryable: boolean;
  readonly detail: unknown;
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;

  constructor({ code, message, hint, retryable, detail = null }: Told, status: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
    this.retryable = retryable;
    this.detail = detail;
    this.status = status;
  }
}

/** Nobody waits for the answer any more: `reason` is that of the signal. */
export const givenUp = (reason: unknown): DelegateError =>
  reason instanceof Error && reason.name === 'TimeoutError'
    ? local('TIMEOUT', 'No answer came in time.', 'Ask again, or give it more time.', true, reason)
    : local('CANCELLED', 'The request was aborted.', 'Ask again if it is still wanted.', false, reason);

export const closed = (): DelegateError => local('CANCELLED', 'This agent was closed.', 'Connect again.', false);

/** What this side says itself, without an answer. */
const local = (code: string, message: string, hint: string, retryable: boolean, cause?: unknown): DelegateError =>
  new DelegateError({ code, message, hint, retryable }, 0, cause);

/** No answer at all, and what a proxy says of a server that is late or busy. */
const PASSING = new Set([0, 408, 429]);

/** The server cannot be reached, its answer was cut, or it is none of ours: then only a server between may have said so for now. */
export function unreachable(status: number, cause?: unknown): DelegateError {
  const unreached = sayUntrusted(cause);
  const said = {
    code: 'UPSTREAM_FAILED',
    message:
      status === 0
        ? `The authority ${unreached ?? 'could not be reached'}.`
        : `The answer is not an authority's (status ${status}).`,
    hint: 'Check the server address, and try again.',
    retryable:
      unreached === undefined &&
      (status >= 500 || PASSING.has(status) || (cause !== undefined && !(cause instanceof SyntaxError))),
  };
  return new DelegateError(said, status, cause);
}
