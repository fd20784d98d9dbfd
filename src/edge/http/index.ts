/** The HTTP authority on an installation: what `serve` starts. */
import { randomBytes } from 'node:crypto';
import { toBase64url } from '../../base/encoding.ts';
import type { Caller } from '../../caller.ts';
import type { RemoteDesk } from '../../jobs/remote.ts';
import type { Tokens } from '../../keys/tokens.ts';
import type { Clock, Nonces } from '../../ports.ts';
import type { Service } from '../../service/service.ts';
import type { Witnesses } from '../../witness/desk.ts';
import { governedSession } from '../mcp/governed.ts';
import type { Session } from '../mcp/session.ts';
import { metrics } from './metrics.ts';
import { rateOf } from './rate.ts';
import { type HttpOptions, type HttpServer, listen } from './server.ts';
import type { Site } from './site.ts';
import { tailOf } from './tail.ts';

export type { HttpServer } from './server.ts';

export interface Authority {
  readonly service: Service;
  readonly tokens: Tokens;
  readonly nonces: Nonces;
  /** The authority's name. */
  readonly name: string;
  /** Jobs for workers elsewhere. */
  readonly jobs?: RemoteDesk;
  /** Who cosigns checkpoints. */
  readonly witnesses?: Pick<Witnesses, 'list'>;
}

export interface ServeOptions extends HttpOptions {
  readonly authority: Authority;
  /** Hex SHA-256 of the operator's token. */
  readonly operator: string;
  /** What a caller is served over MCP; this product's own tools when absent. */
  readonly session?: (caller: Caller) => Session;
  /** Told of each refused act of an artifact. */
  readonly onRefused?: (artifact: string) => void;
  /** Told of each proof that is not its holder's, in a session of an artifact. */
  readonly onFailedProof?: (artifact: string) => void;
  readonly hooked?: Site['hooked'] | undefined;
  readonly report: (error: unknown) => void;
  readonly clock?: Clock;
}

/** Delegations of one caller a second, and at once. */
const MINTS = { perSecond: 100, burst: 200 };

export async function serveHttp({
  authority,
  operator,
  session,
  onRefused = () => undefined,
  onFailedProof = () => undefined,
  hooked,
  report,
  clock = Date.now,
  ...options
}: ServeOptions): Promise<HttpServer> {
  const { service, tokens, nonces, name, jobs, witnesses } = authority;
  await service.begin();
  const site = {
    service,
    tokens,
    nonces,
    operator,
    namespace: name,
    clock,
    nonce: () => toBase64url(randomBytes(12)),
    mints: rateOf(MINTS.perSecond, MINTS.burst, () => performance.now()),
    metrics: metrics(),
    tail: tailOf(service, clock, report),
    jobs,
    witnesses,
    session: session ?? ((caller: Caller) => governedSession(service, caller)),
    onRefused,
    onFailedProof,
    hooked,
    report,
  };
  return listen(site, options);
}
