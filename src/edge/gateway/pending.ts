/**
 * Our requests to an upstream that wait for an answer.
 *
 * Ids are our own, never a caller's, and an answer that nobody waits for is dropped: so no caller sees another's.
 */
import { randomInt } from 'node:crypto';
import type { Json } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import { RpcError } from '../mcp/rpc.ts';
import { isObject, type JsonObject } from './pointer.ts';

export type Progress = (update: { progress: number; total?: number; message?: string }) => void;

export interface Question {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  readonly progress?: Progress | undefined;
  send(id: number): void;
  /** Tells the upstream that nobody waits any more. */
  cancel(id: number, reason: Error): void;
}

interface Open {
  readonly resolve: (result: JsonObject) => void;
  readonly reject: (error: Error) => void;
  readonly progress: Progress | undefined;
}

/** Ids of ours are above those of the SDK, which counts from 0, and below 2^31, where some servers stop counting. */
const FIRST_ID = 2 ** 30;

export const isOurs = (id: unknown): id is number => typeof id === 'number' && id >= FIRST_ID;

export class PendingRequests {
  readonly #name: string;
  readonly #settled: () => void;
  readonly #open = new Map<number, Open>();

  /** `name`: of the upstream. `settled` is called whenever one of them is over. */
  constructor(name: string, settled: () => void) {
    this.#name = name;
    this.#settled = settled;
  }

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  has(id: number): boolean {
    return this.#open.has(id);
  }

  /**
   * The result as it came.
   *
   * @throws RpcError what the upstream answered instead; Refusal `UPSTREAM_FAILED`, `TIMEOUT`, or the reason of `signal`.
   */
  ask({ signal, timeout, progress, send, cancel }: Question): Promise<JsonObject> {
    if (signal?.aborted) return Promise.reject(reasonOf(signal));
    return new Promise<JsonObject>((resolve, reject) => {
      const id = this.#freshId();
      const settle = () => {
        this.#open.delete(id);
        clearTimeout(timer);
        signal?.removeEventListener('abort', stop);
        this.#settled();
      };
      const giveUp = (reason: Error) => {
        settle();
        cancel(id, reason);
        reject(reason);
      };
      const stop = () => giveUp(reasonOf(signal));
      const late = () =>
        giveUp(new Refusal('TIMEOUT', `The upstream "${this.#name}" has not answered for ${timeout} ms.`));
      const timer = setTimeout(late, timeout);
      signal?.addEventListener('abort', stop);
      this.#open.set(id, {
        resolve: (result) => {
          settle();
          resolve(result);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
        progress,
      });
      send(id);
    });
  }

  /** Whether somebody waited for it. */
  answer(id: unknown, result: Json | undefined, error: Json | undefined): boolean {
    const open = this.#take(id);
    if (isObject(result)) {
      if (result.resultType === 'input_required') open?.reject(this.#failed('asks for input, which is not passed on'));
      else open?.resolve(result);
    } else if (isObject(error) && isCode(error.code) && typeof error.message === 'string') {
      open?.reject(new RpcError(error.code, error.message, error.data));
    } else open?.reject(this.#failed('sent a malformed answer'));
    return open !== undefined;
  }

  /** Whether somebody waited for it. */
  fail(id: unknown, why: string): boolean {
    const open = this.#take(id);
    open?.reject(this.#failed(why));
    return open !== undefined;
  }

  failAll(why: string): void {
    for (const { reject } of this.#open.values()) reject(this.#failed(why));
  }

  /** Takes the `params` of `notifications/progress`. */
  progress(params: Json | undefined): void {
    if (!isObject(params) || typeof params.progressToken !== 'number' || typeof params.progress !== 'number') return;
    const { progress, total, message } = params;
    this.#open.get(params.progressToken)?.progress?.({
      progress,
      ...(typeof total === 'number' && { total }),
      ...(typeof message === 'string' && { message }),
    });
  }

  /** Not to be guessed: an upstream cannot answer what it has not been asked yet. */
  #freshId(): number {
    const id = FIRST_ID + randomInt(FIRST_ID);
    return this.has(id) ? this.#freshId() : id;
  }

  #take(id: unknown): Open | undefined {
    if (typeof id !== 'number') return undefined;
    const found = this.#open.get(id);
    this.#open.delete(id);
    return found;
  }

  #failed(why: string): Refusal {
    return new Refusal('UPSTREAM_FAILED', `The upstream "${this.#name}" ${why}.`);
  }
}

/** Anything else no client takes for an answer (JSON-RPC 2.0, 5.1). */
const isCode = (code: unknown): code is number => Number.isInteger(code);

function reasonOf(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Refusal ? reason : new Refusal('CANCELLED', 'The call was cancelled.');
}
