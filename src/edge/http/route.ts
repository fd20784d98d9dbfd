/** What a route is, and how a path finds one. */
import type * as z from 'zod';
import { Refusal } from '../../base/refusal.ts';
import type { Caller } from '../../caller.ts';
import type { Access } from './authenticate.ts';
import type { Answer } from './reply.ts';
import type { Site } from './site.ts';

/** One decoded request. */
export interface Ask<B> {
  /** What the `:name` segments of the path hold. */
  readonly params: { readonly [name: string]: string };
  readonly query: URLSearchParams;
  /** Without the query: what a proof may name. */
  readonly urls: readonly string[];
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly body: B;
  /** For a route that anyone may use: nobody in particular. */
  readonly caller: Caller;
  /** Aborted when the client has gone, or the server ends: nothing is waited for any more. */
  readonly signal: AbortSignal;
  /** The bearer token; null where there is none. */
  readonly token: string | null;
  /** did:key that signed this request; null where it came unsigned. */
  readonly signedBy: string | null;
  /** Milliseconds since the epoch at which the caller's session ends; null where it does not. */
  readonly until: number | null;
}

export interface Route<B = unknown> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With `:name` for a segment that is a parameter. */
  readonly path: string;
  /** For the description of the interface. */
  readonly summary: string;
  /** `bearer`: with a token. `key`: or with a proof of the holder's key alone. */
  readonly access: Access;
  /** Strict; absent where a request has no body. */
  readonly body?: z.ZodType<B>;
  /** True: `body` only describes, and the answer judges for itself what was parsed. */
  readonly judges?: true;
  /** Query parameters, described. */
  readonly query?: z.ZodObject;
  /** The JSON of the answer, for the description. */
  readonly output?: z.ZodType;
  /** The media types of an answer that is no such JSON, for the description. */
  readonly media?: readonly string[];
  /** What else may come, by status, for the description. */
  readonly more?: { readonly [status: string]: { readonly description: string; readonly content?: object } };
  answer(ask: Ask<B>, site: Site): Promise<Answer>;
}

/** Declares a route with the type of its body inferred, and forgets it, so that all stand in one list. */
export function route<B>(declared: Route<B>): Route {
  return declared as unknown as Route; // `answer` is only ever given what its own `body` has parsed
}

export interface Found {
  readonly route: Route;
  readonly params: { readonly [name: string]: string };
}

/** Throws `NOT_FOUND`, or `METHOD_NOT_ALLOWED` with the allowed methods as its detail. */
export type Find = (method: string, path: string) => Found;

export function finder(routes: readonly Route[]): Find {
  const exact = new Map<string, Map<string, Route>>();
  const open: { readonly segments: readonly string[]; readonly methods: Map<string, Route> }[] = [];
  for (const each of routes) methodsOf(each.path).set(each.method, each);

  function methodsOf(path: string): Map<string, Route> {
    const segments = path.split('/');
    const known = path.includes('/:')
      ? open.find((other) => other.segments.join('/') === path)?.methods
      : exact.get(path);
    const methods = known ?? new Map<string, Route>();
    if (!known && path.includes('/:')) open.push({ segments, methods });
    else exact.set(path, methods);
    return methods;
  }

  function matching(path: string): { methods: Map<string, Route>; params: Found['params'] } | undefined {
    const methods = exact.get(path);
    if (methods) return { methods, params: {} };
    const given = path.split('/');
    for (const { segments, methods } of open) {
      const params = paramsOf(segments, given);
      if (params) return { methods, params };
    }
    return undefined;
  }

  return (method, path) => {
    const found = matching(path);
    if (!found) throw new Refusal('NOT_FOUND', 'There is no such route.');
    const { methods, params } = found;
    const chosen = methods.get(method === 'HEAD' ? 'GET' : method);
    if (chosen) return { route: chosen, params };
    const allowed = [...methods.keys()].flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name]));
    throw new Refusal('METHOD_NOT_ALLOWED', 'The route has no such method.', { detail: { allow: allowed } });
  };
}

function paramsOf(segments: readonly string[], given: readonly string[]): Found['params'] | undefined {
  if (segments.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, segment] of segments.entries()) {
    const text = given[at]!;
    if (segment.startsWith(':')) {
      const decoded = decode(text);
      if (decoded === undefined || decoded === '') return undefined;
      params[segment.slice(1)] = decoded;
    } else if (segment !== text) return undefined;
  }
  return params;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
