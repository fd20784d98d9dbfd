/** One request at a time: guard, route, caller, body, proof, answer. The only place where a refusal becomes a status. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type * as z from 'zod';
import { Refusal } from '../../base/refusal.ts';
import { sayIssue } from '../../base/wording.ts';
import { authenticate, proven } from './authenticate.ts';
import { Gone, parseBody, readBody, refuseOtherTypes } from './body.ts';
import { type Guard, pathOf } from './guard.ts';
import { type Answer, send, sendRefusal } from './reply.ts';
import type { Find, Route } from './route.ts';
import type { Site } from './site.ts';

export interface Exchange {
  readonly find: Find;
  readonly guard: Guard;
  /** `http` or `https`: what stands before the Host header in an address. */
  readonly scheme: string;
  /** Where clients reach us by another name; its scheme may differ, behind a proxy. */
  readonly publicUrl?: string | undefined;
  /** What is being answered; all of it is aborted when the server ends, so that what waits is answered. */
  readonly running: Set<AbortController>;
}

export async function exchange(
  request: IncomingMessage,
  response: ServerResponse,
  site: Site,
  using: Exchange,
): Promise<void> {
  const began = performance.now();
  let name = 'none';
  try {
    using.guard.judge(request);
    const target = pathOf(request.url ?? '');
    const cut = target.indexOf('?');
    const path = cut === -1 ? target : target.slice(0, cut);
    const { route, params } = using.find(request.method ?? '', path);
    name = route.path;
    const origins = originsOf(request, using);
    const query = new URLSearchParams(cut === -1 ? '' : target.slice(cut));
    const gone = new AbortController();
    using.running.add(gone);
    response.once('close', () => {
      using.running.delete(gone);
      gone.abort();
    });
    send(response, await answer(route, { params, query, origins, path, signal: gone.signal }, request, site));
  } catch (thrown) {
    refuse(thrown, response, site);
  } finally {
    site.metrics.request(name, response.statusCode, performance.now() - began);
  }
}

interface Target {
  readonly params: { readonly [name: string]: string };
  readonly query: URLSearchParams;
  readonly origins: Some;
  readonly path: string;
  readonly signal: AbortSignal;
}

async function answer(route: Route, target: Target, request: IncomingMessage, site: Site): Promise<Answer> {
  const { headers } = request;
  const { origins, path } = target;
  const urls = origins.map((origin) => `${origin}${path}`);
  const known = await authenticate(headers, route.access, site);
  if (route.body) refuseOtherTypes(request);
  const bytes = route.body ? await readBody(request) : NO_BYTES;
  const { caller: person, signedBy } = await proven(
    known,
    { methods: [request.method ?? ''], urls, body: bytes },
    site,
  );
  const caller = { ...person, server: origins[0] };
  const json = route.body && parseBody(bytes);
  const body = route.body && !route.judges ? parsed(route.body, json) : json;
  return route.answer(
    { ...target, urls, headers, body, caller, signedBy, token: known.token, until: known.until },
    site,
  );
}

const NO_BYTES = new Uint8Array();

function parsed(schema: z.ZodType, json: unknown): unknown {
  const found = schema.safeParse(json);
  if (found.success) return found.data;
  const issues = found.error.issues.slice(0, 20).map((issue) => ({
    path: issue.path.map(String).join('.'),
    message: sayIssue(issue, schema),
  }));
  const said = issues.slice(0, 5).map(({ path, message }) => `${path || 'body'}: ${message}`);
  throw new Refusal('INVALID_REQUEST', `The body cannot be used: ${said.join('; ')}.`, { detail: { issues } });
}

function refuse(thrown: unknown, response: ServerResponse, site: Site): void {
  if (thrown instanceof Gone || response.headersSent) return void response.destroy();
  if (!(thrown instanceof Refusal)) site.report(thrown);
  const refusal = Refusal.from(thrown);
  const { allow } = (refusal.code === 'METHOD_NOT_ALLOWED' ? refusal.detail : {}) as { allow?: readonly string[] };
  sendRefusal(response, refusal, allow ? { allow: allow.join(', ') } : {});
}

type Some = readonly [string, ...string[]];

/** By which names clients may know us; the first is the one to hand on. A proxy in front may write a Host of its own. */
function originsOf({ headers: { host = '' } }: IncomingMessage, { scheme, publicUrl }: Exchange): Some {
  // As a proof has it, in lower case and without a port that goes without saying (RFC 9449 section 4.3).
  const asked = new URL(`${scheme}://${host}`);
  if (publicUrl === undefined) return [asked.origin];
  const { origin, host: known } = new URL(publicUrl);
  return known === asked.host ? [origin] : [origin, asked.origin];
}
