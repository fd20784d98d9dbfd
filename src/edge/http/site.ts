/** What the routes work with: the kernel, the secrets, and what one server process keeps in mind. */
import type { Caller } from '../../caller.ts';
import type { RemoteDesk } from '../../jobs/remote.ts';
import type { Tokens } from '../../keys/tokens.ts';
import type { Clock, Nonces } from '../../ports.ts';
import type { Service } from '../../service/service.ts';
import type { Witnesses } from '../../witness/desk.ts';
import type { Slips } from '../hook/slips.ts';
import type { Session } from '../mcp/session.ts';
import type { Metrics } from './metrics.ts';
import type { Rate } from './rate.ts';
import type { Tail } from './tail.ts';

export interface Site {
  readonly service: Service;
  readonly tokens: Tokens;
  /** Hex SHA-256 of the operator's token. */
  readonly operator: string;
  /** The authority's name: the namespace of its agents. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly nonce: () => string;
  /** Which proofs were seen before. */
  readonly nonces: Nonces;
  /** Delegations of one caller. */
  readonly mints: Rate;
  readonly metrics: Metrics;
  readonly tail: Tail;
  /** Jobs for workers elsewhere; absent where nobody keeps what is said in jobs. */
  readonly jobs?: RemoteDesk | undefined;
  /** Who cosigns checkpoints; absent where nobody is asked to. */
  readonly witnesses?: Pick<Witnesses, 'list'> | undefined;
  /** What a caller is served over MCP. */
  session(caller: Caller): Session;
  onRefused(artifact: string): void;
  /** Told of each proof that is not its holder's, in a session of an artifact. */
  onFailedProof(artifact: string): void;
  /** Who makes a call over MCP, where a hook on this machine has said so; absent where nobody asks one. */
  readonly hooked?: Slips['find'] | undefined;
  report(error: unknown): void;
}
