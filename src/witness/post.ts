/** One request to a witness: bounded in time and size, and never sent on to another address. */
import type { Answer } from '../evidence/witness.ts';

/** Nobody answered, or not as HTTP does; `message` is the system's short code or our own words. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

export interface PostOptions {
  /** Milliseconds until the answer is complete. */
  readonly patience?: number;
  readonly signal?: AbortSignal | undefined;
}

export type Post = (url: string, body: string, options?: PostOptions) => Promise<Answer>;

const PATIENCE = 10_000;
/** A hundred signature lines, the longest that are specified (ML-DSA-44), are 350 kB. */
const MOST = 512 * 1024;

/** Throws `Unreachable`. */
export const post: Post = async (url, body, { patience = PATIENCE, signal } = {}) => {
  const late = AbortSignal.timeout(patience);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8', 'accept-encoding': 'identity' },
      body,
      redirect: 'manual',
      signal: signal ? AbortSignal.any([late, signal]) : late,
    });
    return { status: response.status, type: typeOf(response), body: await textOf(response) };
  } catch (error) {
    if (error instanceof Unreachable) throw error;
    throw new Unreachable(late.aborted ? `no answer within ${patience / 1000} s` : reasonOf(error));
  }
};

/** Whether anything there speaks HTTP: any answer will do. Throws `Unreachable`. */
export async function knock(url: string, patience = PATIENCE / 2): Promise<void> {
  const late = AbortSignal.timeout(patience);
  try {
    const response = await fetch(url, { redirect: 'manual', signal: late });
    await response.body?.cancel();
  } catch (error) {
    throw new Unreachable(late.aborted ? `no answer within ${patience / 1000} s` : reasonOf(error));
  }
}

const typeOf = ({ headers }: Response): string =>
  headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';

async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    // Leaving the loop cancels the stream: the rest is not read.
    if (size > MOST) throw new Unreachable('its answer is too large');
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/** `fetch` hides the system's error behind its own. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as { readonly cause?: Partial<NodeJS.ErrnoException>; readonly message?: unknown }; // whatever was thrown
  return String(cause?.code ?? cause?.message ?? message ?? error).slice(0, 200);
}
