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
    async open(method, path, body, as, more) {
      const { signal, leave } = join([closing.signal, more?.signal]);
      try {
        return untilRead(await ask(signal, method, path, body, as, more), leave);
      } catch (error) {
        leave();
        throw error;
      }
    },
    async send(method, path, body, as, options) {
      const { signal, leave } = join([closing.signal, options?.signal]);
      try {
        return await jsonIn(await ask(signal, method, path, body, as, options), options?.signal);
      } finally {
        leave();
      }
    },
    close: () => closing.abort(),
  };
}

/**
 * A signal that the first of these aborts, until `leave`: of `AbortSignal.any`, Node 22 keeps a trace for as long as one
 * of them lives.
 */
function join(signals: readonly (AbortSignal | undefined)[]): { readonly signal: AbortSignal; leave(): void } {
  const either = new AbortController();
  const stop = (): void => either.abort(signals.find((each) => each?.aborted)?.reason);
  for (const each of signals) each?.addEventListener('abort', stop);
  if (signals.some((each) => each?.aborted)) stop();
  return {
    signal: either.signal,
    leave() {
      for (const each of signals) each?.removeEventListener('abort', stop);
    },
  };
}

/** The same answer, which says when nobody reads it any more. */
function untilRead(response: Response, done: () => void): Response {
  const reader = response.body?.getReader();
  if (!reader) {
    done();
    return response;
  }
  const body = new ReadableStream<Uint8Array>({
    async pull(stream) {
      const piece = await reader.read().catch((error: unknown) => {
        done();
        throw error;
      });
      if (piece.value) return stream.enqueue(piece.value);
      done();
      stream.close();
    },
    cancel(reason) {
      done();
      return reader.cancel(reason);
    },
  });
  return new Response(body, response);
}

/** What a proof names (RFC 9449, section 4.2). */
const withoutQuery = (url: string): string => url.replace(/[?#].*/s, '');
