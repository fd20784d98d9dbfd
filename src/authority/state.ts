/**
 * The state that a chain adds up to. Only `evolve` of an event kind changes it, and `advance`, as time passes; `check` only reads it.
 *
 * The same entries give the same answers wherever they are folded: at a restart, in another process, in an audit.
 */
import type { Sealed } from '../artifact/artifact.ts';
import { agentId } from '../artifact/enrolment.ts';
import { parseInstant } from '../base/instant.ts';
import { closeAccount, type Money, openSlice, settle } from './budget.ts';
import { Deadlines } from './deadlines.ts';
import type { Grant } from './grant.ts';
import type { Job } from './job.ts';
import type { LogKey } from './log-keys.ts';
import { Refusals } from './refusals.ts';
import { usageFor } from './usage.ts';

/** An answered request, so that a repeat gets the first answer. */
export interface Remembered {
  readonly input: string;
  readonly sequence: number;
  readonly time: number;
}

/** An amount held for an artifact until it is spent or released, or its time is up. */
export interface Reservation {
  readonly id: string;
  /** Hash of the artifact that reserved. */
  readonly artifact: string;
  readonly money: Money;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

/** Milliseconds for which an expired artifact stays in memory, so that answers can name it. */
export const GRACE = 10 * 60_000;
/** Milliseconds for which a request_id is remembered, at least. */
export const MEMORY = 24 * 3600_000;

export class State {
  /** did:key of the root of trust; null before the genesis entry. */
  authority: string | null = null;
  /** The log's keys, the one in force last; empty before the genesis entry. */
  readonly logKeys: LogKey[] = [];
  /** Latest time seen, in milliseconds; never goes back. */
  time = 0;
  readonly grants = new Map<string, Grant>();
  /** The same by the public id of their agents. */
  readonly agents = new Map<string, Grant>();
  readonly requests = new Map<string, Remembered>();
  readonly refusals = new Refusals();
  /** The digest at the first measurement, per type and subject. */
  readonly pins = new Map<string, string>();
  /** did:keys that KEY_REVOKE has banned from every lineage. */
  readonly banned = new Set<string>();
  /** Open reservations, by id. */
  readonly reservations = new Map<string, Reservation>();
  /** Jobs, until a day after their end, by id. */
  readonly jobs = new Map<string, Job>();
  readonly #deadlines = new Deadlines<Grant>();
  readonly #reserved = new Deadlines<Reservation>();
  readonly #over = new Deadlines<{ readonly id: string; readonly expires: number }>();
  readonly #expired: Grant[] = [];

  /** C2SP verifier key of the log; null before the genesis entry. */
  get logKey(): string | null {
    return this.logKeys.at(-1)?.key ?? null;
  }

  /** Brings time forward: what has expired stops counting, what expired long ago is forgotten. */
  advance(time: number): void {
    if (time <= this.time) return;
    this.time = time;
    for (let grant = this.#deadlines.take(time); grant; grant = this.#deadlines.take(time)) {
      if (grant.parent && grant.revoked === null) grant.parent.liveChildren -= 1;
      closeAccount(grant);
      this.#expired.push(grant);
    }
    for (let past = this.#reserved.take(time); past; past = this.#reserved.take(time)) this.endReservation(past.id);
    for (let past = this.#over.take(time); past; past = this.#over.take(time)) this.jobs.delete(past.id);
    let forgotten = 0;
    for (const grant of this.#expired) {
      if (grant.expires + GRACE > time) break;
      this.#forget(grant);
      forgotten += 1;
    }
    if (forgotten > 0) this.#expired.splice(0, forgotten);
    for (const [key, { time: asked }] of this.requests) {
      if (asked + MEMORY > time) break;
      this.requests.delete(key);
    }
  }

  /** Adds an artifact that the law has accepted. */
  admit({ artifact, hash }: Sealed, sequence: number, enroll = false): void {
    const parent = artifact.parent === null ? null : this.grants.get(artifact.parent);
    const expires = parseInstant(artifact.expires_at)!;
    // A forgotten parent has expired, and so has its child.
    if (parent === undefined) return;
    const grant: Grant = {
      hash,
      parent,
      sequence,
      subject: artifact.subject,
      depth: artifact.depth,
      issued: parseInstant(artifact.issued_at)!,
      expires,
      maxDepth: artifact.delegation.max_depth,
      maxChildren: artifact.delegation.max_children,
      minBinding: artifact.terms.min_binding,
      preset: artifact.terms.preset,
      sliced: artifact.terms.budget_mode === 'slice',
      scope: artifact.scope,
      enroll,
      holder: artifact.holder,
      revoked: null,
      liveChildren: 0,
      children: null,
      expiryNoted: false,
      usage: usageFor(artifact.scope.limits),
      account: null,
      restraint: null,
    };
    this.restore(grant);
    openSlice(grant);
    if (grant.holder !== null && this.banned.has(grant.holder)) this.revoke(grant, sequence);
  }

  /** Adds a grant to the tree, the deadlines and its parent's live children. */
  restore(grant: Grant): void {
    this.grants.set(grant.hash, grant);
    this.agents.set(agentId(grant.hash), grant);
    const { parent } = grant;
    if (parent) {
      parent.children ??= new Set();
      parent.children.add(grant);
    }
    if (grant.expires <= this.time) this.#expired.push(grant);
    else {
      if (parent && grant.revoked === null) parent.liveChildren += 1;
      this.#deadlines.add(grant);
    }
  }

  revoke(grant: Grant, sequence: number): void {
    if (grant.revoked !== null) return;
    grant.revoked = sequence;
    closeAccount(grant);
    if (grant.parent && grant.expires > this.time) grant.parent.liveChildren -= 1;
  }

  /** Bans a holder's key: every artifact it holds ends, now and whenever one is presented. */
  ban(holder: string, sequence: number): void {
    this.banned.add(holder);
    for (const grant of this.grants.values()) if (grant.holder === holder) this.revoke(grant, sequence);
  }

  reserve(reservation: Reservation): void {
    this.reservations.set(reservation.id, reservation);
    this.#reserved.add(reservation);
  }

  /** Ends a reservation of which `spent` was spent, and frees the rest. */
  endReservation(id: string, spent: Money = new Map()): void {
    const open = this.reservations.get(id);
    if (!open) return;
    this.reservations.delete(id);
    const grant = this.grants.get(open.artifact);
    if (grant) settle(grant, open.money, spent);
  }

  endJob(job: Job, end: Pick<Job, 'state' | 'code' | 'said' | 'endedAt'>): void {
    if (job.endedAt !== null) return;
    Object.assign(job, end);
    this.restoreJob(job);
  }

  /** Puts a job in its place. */
  restoreJob(job: Job): void {
    this.jobs.set(job.id, job);
    if (job.endedAt !== null) this.#over.add({ id: job.id, expires: job.endedAt + MEMORY });
  }

  remember(key: string, input: string, sequence: number): void {
    this.requests.set(key, { input, sequence, time: this.time });
  }

  /** When the next artifact expires, in milliseconds; undefined where none is live. */
  get nextExpiry(): number | undefined {
    return this.#deadlines.next;
  }

  /** What has expired and is not forgotten yet. */
  get expired(): readonly Grant[] {
    return this.#expired;
  }

  #forget(grant: Grant): void {
    this.grants.delete(grant.hash);
    this.agents.delete(agentId(grant.hash));
    this.refusals.forget(grant.hash);
    const siblings = grant.parent?.children;
    if (siblings?.delete(grant) && siblings.size === 0 && grant.parent) grant.parent.children = null;
  }
}
