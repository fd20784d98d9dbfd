import type { Binding } from '../artifact/artifact.ts';
import type { Code } from '../base/refusal.ts';
import type { Scope } from '../scope/scope.ts';

/** What has been used of the limits of one artifact; kept only where it has any. */
export interface Usage {
  calls: number;
  /** Times of the latest permitted calls, oldest first: as many as the minute allows. */
  readonly recent: number[];
}

/** Kept only for artifacts that a budget has moved through. */
export interface Account {
  /** By the artifact and all its descendants. */
  readonly spent: Map<string, bigint>;
  /** Open reservations, and what live slices below have not spent. */
  readonly held: Map<string, bigint>;
  /** The artifact has ended, and what it held above has gone back. */
  closed: boolean;
}

/** One artifact as the law needs it. Kept small: tens of thousands of these live in memory at once. */
export interface Grant {
  readonly hash: string;
  readonly parent: Grant | null;
  /** Sequence number of the entry that created it. */
  readonly sequence: number;
  readonly subject: string;
  readonly depth: number;
  /** Milliseconds since the epoch. */
  readonly issued: number;
  readonly expires: number;
  readonly maxDepth: number;
  readonly maxChildren: number;
  readonly minBinding: Binding;
  readonly preset: string | null;
  /** Whether its budget was set aside from its parent's when it was delegated; else it draws on its parent's. */
  readonly sliced: boolean;
  readonly scope: Scope;
  /** Whether a token was minted by which its agent binds a key. */
  readonly enroll: boolean;
  /** did:key that may use it: named at issue, or bound later by an enrolment. */
  holder: string | null;
  /** Sequence number of the revocation, once there is one. */
  revoked: number | null;
  /** Children that are neither expired nor revoked themselves. */
  liveChildren: number;
  children: Set<Grant> | null;
  /** Whether its EXPIRY stands on the chain. */
  expiryNoted: boolean;
  /** What is used of its limits; null without limits. */
  readonly usage: Usage | null;
  /** What moved through its budget; null while nothing has. */
  account: Account | null;
  /** What enforcement triggers have laid on it; null for nearly all. */
  restraint: Restraint | null;
}

/** Laid on a grant by a trigger, lifted by the operator. */
export interface Restraint {
  /** Whether it, or its whole subtree, permits nothing until it is resumed. */
  readonly suspended: 'alone' | 'subtree' | null;
  /** Whether its subtree may fetch nothing. */
  readonly isolated: boolean;
}

/** Why a lineage permits nothing any more. */
export interface Ended {
  readonly code: Extract<Code, 'ARTIFACT_REVOKED' | 'LEASE_EXPIRED'>;
  readonly by: Grant;
}

/** Why a lineage permits nothing now: for ever, or until the operator lifts it. */
export interface Halted {
  readonly code: Ended['code'] | 'SUSPENDED';
  readonly by: Grant;
}

/** The part of a grant that may be shown to callers who may not see the rest. */
export const introduced = ({ hash, subject, depth }: Grant) => ({ artifact_hash: hash, subject, depth });

/** The lineage of a grant, root first. */
export function lineage(grant: Grant): Grant[] {
  const line: Grant[] = [];
  for (let at: Grant | null = grant; at; at = at.parent) line.push(at);
  return line.reverse();
}

/** Whether a grant, or the ancestor nearest the root, has ended at `time`; null while all of the lineage is live. */
export function ended(grant: Grant, time: number): Ended | null {
  let found: Ended | null = null;
  for (let at: Grant | null = grant; at; at = at.parent) {
    if (at.revoked !== null) found = { code: 'ARTIFACT_REVOKED', by: at };
    else if (at.expires <= time) found = { code: 'LEASE_EXPIRED', by: at };
  }
  return found;
}

/** As `ended`, and also whether it is suspended; the end of any ancestor goes first. */
export function halted(grant: Grant, time: number): Halted | null {
  const over = ended(grant, time);
  if (over) return over;
  let found: Halted | null = null;
  for (let at: Grant | null = grant; at; at = at.parent) {
    const suspended = at.restraint?.suspended;
    if (suspended === 'subtree' || (suspended === 'alone' && at === grant)) found = { code: 'SUSPENDED', by: at };
  }
  return found;
}

export function isWithin(grant: Grant, root: string): boolean {
  for (let at: Grant | null = grant; at; at = at.parent) if (at.hash === root) return true;
  return false;
}

/** A grant and everything below it, parents before children. */
export function* subtree(grant: Grant): Generator<Grant> {
  const stack = [grant];
  for (let at = stack.pop(); at; at = stack.pop()) {
    yield at;
    // One by one: a call takes fewer arguments than an artifact may have children.
    for (const child of [...(at.children ?? [])].reverse()) stack.push(child);
  }
}
