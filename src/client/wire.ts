/** Requests to an authority by plain `fetch`: JSON out, JSON in, refusals as errors. */
import { DelegateError, type Told, unreachable } from './error.ts';
import { type AgentKey, requestProof } from './key.ts';

export interface Wire {
  /** `as` signs the request: with a session token, or with the key alone. Throws `DelegateError`. */
  send(method: string, path: string, body?: object, as?: Signing): Promise<unknown>;
  /** The answer as it comes in, for one that is a stream. A refusal throws. */
  open(method: string, path: string, body: object | undefined, as?: Signing, more?: More): Promise<Response>;
  /** Ends what runs; nothing can be sent any more. */
  close(): void;
}

export interface More {
  readonly accept?: string;
  readonly signal?: AbortSignal;
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
  const open: Wire['open'] = async (method, path, body, as, { accept, signal } = {}) => {
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
      signal: signal ? AbortSignal.any([signal, closing.signal]) : closing.signal,
    }).catch((error: unknown) => {
      throw closing.signal.aborted ? closed() : unreachable(0, error);
    });
    if (!response.ok) throw await refusalIn(response);
    return response;
  };
  return {
    open,
    send: async (method, path, body, as) => jsonIn(await open(method, path, body, as)),
    close: () => closing.abort(),
  };
}

/** What a proof names (RFC 9449, section 4.2). */
const withoutQuery = (url: string): string => url.replace(/[?#].*/s, '');

async function jsonIn(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (error) {
    throw unreachable(response.status, error);
  }
}

async function refusalIn(response: Response): Promise<DelegateError> {
  const told = ((await jsonIn(response)) as { error?: Told } | null)?.error;
  return typeof told?.code === 'string' ? new DelegateError(told, response.status) : unreachable(response.status);
}

const closed = (): DelegateError =>
  new DelegateError(
    { code: 'CANCELLED', message: 'This agent was closed.', hint: 'Connect again.', retryable: false },
    0,
  );
