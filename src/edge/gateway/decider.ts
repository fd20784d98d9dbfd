/**
 * What the gateway asks of the law. It knows no other word of it: the scopes of a caller's lineage to see what to list,
 * a verdict on each call, and the news that an artifact has ended.
 */
import { Refusal } from '../../base/refusal.ts';
import type { Caller } from '../../caller.ts';
import type { Act, Scope } from '../../scope/scope.ts';
import type { ToolResult } from '../mcp/session.ts';
import type { Resolved } from './resolved.ts';

/** What a caller acts under upstream, while it lives. */
export interface Standing {
  /** Hash of the artifact: the caller's own, or the last root that an operator created. */
  readonly artifact: string;
  /** Of its lineage, root first: the very objects that the law asks. */
  readonly scopes: readonly Scope[];
  /** What the scopes do not permit goes out all the same, so it is listed too: nobody tries what they cannot see. */
  readonly isShadow: boolean;
}

export interface UpstreamAct {
  readonly caller: Caller;
  /** `<server>/<tool>`; null for a prompt or a resource. */
  readonly tool: string | null;
  /** The call itself first, with the arguments that will be forwarded; then what they touch. */
  readonly acts: readonly [Act, ...Act[]];
  /** To be judged as well: each scope's twin must permit these acts. */
  readonly resolved?: Resolved;
  /** Hex SHA-256 of the RFC 8785 form of the arguments; "" without any. */
  readonly argumentsDigest: string;
  readonly requestId: string | number | null;
  /** What the gateway has against it; asked after the lineage has permitted the call itself. */
  readonly barred?: Refusal;
}

export interface Permit {
  /** Hash of the artifact whose end ends the call. */
  readonly artifact: string;
  /** Makes a call that costs something, and pays for it. */
  readonly paid?: (call: () => Promise<ToolResult>) => Promise<ToolResult>;
}

export interface Decider {
  /** Throws `NO_ARTIFACT`, or why the caller's authority has ended. */
  standing(caller: Caller): Promise<Standing>;
  /** Resolves when the decision is durable. */
  decide(act: UpstreamAct): Promise<Permit | Refusal>;
  /** Calls back once, within a second of the end of the artifact or an ancestor, also of an earlier one; returns the unsubscriber. */
  onEnded(artifact: string, ended: (refusal: Refusal) => void): () => void;
}

/** Hash of what the caller acts under upstream. */
export const artifactOf = ({ artifact, session }: Caller): string | null => artifact ?? session.lastRoot;

/** The caller as it is now: the root that an operator creates next must not judge what was prepared for the one before, or for none. */
export const asOfNow = (caller: Caller): Caller =>
  caller.artifact === null ? { ...caller, session: { ...caller.session } } : caller;

/**
 * Refuses a call that was prepared while its caller had no authority, so that nobody knows what it touches. If the law
 * says why, that is the answer; this is for a suspension that was lifted meanwhile.
 */
export const unprepared = (): Refusal =>
  new Refusal('UPSTREAM_FAILED', 'The artifact had no authority when this call came, so it was not prepared.', {
    hint: 'Send it again.',
  });
