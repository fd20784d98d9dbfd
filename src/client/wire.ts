/** Requests to an authority by plain `fetch`: JSON out, JSON in, refusals as errors. */
import { DelegateError, type Told, unreachable } from './error.ts';
import { type AgentKey, requestProof } from './key.ts';

export interface Wire {
  /** `as` signs the request: with a session token, or with the key alone. */
  send(method: string, path: string, body?: object, as?: Signing): Promise<unknown>;
  /** Ends what runs; nothing can be sent any more. */
  close(): void;
}

export interface Signing {
  readonly key: AgentKey;
  readonly token?: string;
}

export type Fetch = typeof globalThis.fetch;

/** `server`: where the authority listens, such as `http://127.0.0.1:7460`. */
export function wireTo(server: string, send: Fetch = globalThis.fetch): Wire {
  const base = server.replace(/\/+$/, '');
  const closing = new AbortController();
  return {
    async send(method, path, body, as) {
      if (closing.signal.aborted) throw closed();
      const url = `${base}${path}`;
      const text = body === undefined ? '' : JSON.stringify(body);
      const headers = {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(as?.token !== undefined && { authorization: `Bearer ${as.token}` }),
        ...(as && { dpop: requestProof(as.key, { method, url, body: text, token: as.token }) }),
      };
      const response = await send(url, {
        method,
        headers,
        ...(body !== undefined && { body: text }),
        // A token must not follow to where a redirect leads.
        redirect: 'error',
        signal: closing.signal,
      }).catch((error: unknown) => {
        throw closing.signal.aborted ? closed() : unreachable(0, error);
      });
      return read(response);
    },
    close: () => closing.abort(),
  };
}

async function read(response: Response): Promise<unknown> {
  let answer: unknown;
  try {
    answer = await response.json();
  } catch (error) {
    throw unreachable(response.status, error);
  }
  if (response.ok) return answer;
  const told = (answer as { error?: Told } | null)?.error;
  throw typeof told?.code === 'string' ? new DelegateError(told, response.status) : unreachable(response.status);
}

const closed = (): DelegateError =>
  new DelegateError(
    { code: 'CANCELLED', message: 'This agent was closed.', hint: 'Connect again.', retryable: false },
    0,
  );
