/** Requests to an authority by plain `fetch`: JSON out, JSON in, refusals as errors. */
import { closed, DelegateError, givenUp, type Told, unreachable } from './error.ts';
import { type AgentKey, requestProof } from './key.ts';

export interface Wire {
  /** `as` signs the request: with a session token, or with the key alone. Throws `DelegateError`. */
  send(method: string, path: string, body?: object, as?: Signing, options?: CallOptions): Promise<unknown>;
  /** The answer as it comes in, for one that is a stream. A refusal throws. */
  open(method: string, path: string, body: object | undefined, as?: Signing, more?: More): Promise<Response>;
  /** Ends what runs; nothing can be sent any more. */
  close(): void;
}

export interface CallOptions {
  /** Ends the waiting, with `CANCELLED`, or `TIMEOUT` where it is an `AbortSignal.timeout`. What was asked may have happened. */
  readonly signal?: AbortSignal | undefined;
}

export interface More extends CallOptions {
  readonly accept?: string;
}

export interface Signing {
  /** Absent for a bearer that holds no key. */
  readonly key?: AgentKey;
  readonly token?: string;
}

export type Fetch = typeof globalThis.fetch;

/** `server`: where the authority listens, such as `http://127.0.0.1:7460`. */
export function wireTo(server: string, send: Fetch = globalThis.fetch): Wire {
  const base = server.replace(/\/+$/, '');
  const closing = new AbortController();
  const ask = async (joined: AbortSignal, ...[method, path, body, as, more = {}]: Parameters<Wire['open']>) => {
    const { accept, signal } = more;
    if (closing.signal.aborted) throw closed();
    const url = `${base}${path}`;
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(accept !== undefined && { accept }),
      ...(as?.token !== undefined && { authorization: `Bearer ${as.token}` }),
      ...(as?.key && { dpop: requestProof(as.key, { method, url: withoutQuery(url), body: text, token: as.token }) }),
    };
    const response = await send(url, {
      method,
      headers,
      ...(body !== undefined && { body: text }),
      // A token must not follow to where a redirect leads.
      redirect: 'error',
      signal: joined,
    }).catch((error: unknown) => {
      throw failed(0, error, signal);
    });
    if (!response.ok) throw await refusalIn(response, signal);
    return response;
  };
  const failed = (status: number, error: unknown, signal: AbortSignal | undefined): DelegateError => {
    if (closing.signal.aborted) return closed();
    return signal?.aborted ? givenUp(signal.reason) : unreachable(status, error);
  };
  const jsonIn = (response: Response, signal: AbortSignal | undefined): Promise<unknown> =>
    response.json().catch((error: unknown) => {
      throw failed(response.status, error, signal);
    });
  const refusalIn = async (response: Response, signal: AbortSignal | undefined): Promise<DelegateError> => {
    const told = ((await jsonIn(response, signal)) as { error?: Told } | null)?.error;
    return typeof told?.code === 'string' ? new DelegateError(told, response.status) : unreachable(response.status);
  };
  return {
    open: (method, path, body, as, more) => {
      const joined = more?.signal ? AbortSignal.any([more.signal, closing.signal]) : closing.signal;
      return ask(joined, method, path, body, as, more);
    },
    send: (method, path, body, as, options) =>
      whileOpen([closing.signal, options?.signal], async (joined) =>
        jsonIn(await ask(joined, method, path, body, as, options), options?.signal),
      ),
    close: () => closing.abort(),
  };
}

/** With a signal that the first of these aborts: of `AbortSignal.any`, Node 22 keeps a trace for as long as one of them lives. */
async function whileOpen<T>(
  signals: readonly (AbortSignal | undefined)[],
  wait: (joined: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = new AbortController();
  const stop = (): void => either.abort();
  for (const each of signals) each?.addEventListener('abort', stop);
  try {
    if (signals.some((each) => each?.aborted)) stop();
    return await wait(either.signal);
  } finally {
    for (const each of signals) each?.removeEventListener('abort', stop);
  }
}

/** What a proof names (RFC 9449, section 4.2). */
const withoutQuery = (url: string): string => url.replace(/[?#].*/s, '');
