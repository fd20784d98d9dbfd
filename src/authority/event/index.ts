/** The closed list of what can happen. A kind is one file and one line here; a released kind is never altered. */
import { Refusal } from '../../base/refusal.ts';
import type { Kind, Position, Wire } from '../kind.ts';
import type { State } from '../state.ts';
import { type Created, created } from './created.ts';
import { type Decision, decision } from './decision.ts';
import { type Delegation, delegation } from './delegation.ts';
import { type Enrollment, enrollment } from './enrollment.ts';
import { type Expiry, expiry } from './expiry.ts';
import { type Genesis, genesis } from './genesis.ts';
import { type JobAccepted, jobAccepted } from './job-accepted.ts';
import { type JobEnded, jobEnded } from './job-ended.ts';
import { type JobEvent, jobEvent } from './job-event.ts';
import { logKey, type Rotation } from './log-key.ts';
import { type Measurement, measurement } from './measurement.ts';
import { type RefusalEvent, refusal } from './refusal.ts';
import { type Revocation, revocation } from './revocation.ts';
import { type SpendReserved, spendReserved } from './spend-reserved.ts';
import { type SpendSettled, spendSettled } from './spend-settled.ts';
import { type Trigger, trigger } from './trigger.ts';

export type Event =
  | Genesis
  | Created
  | Delegation
  | Revocation
  | RefusalEvent
  | Decision
  | Enrollment
  | Expiry
  | Measurement
  | Trigger
  | SpendReserved
  | SpendSettled
  | JobAccepted
  | JobEvent
  | JobEnded
  | Rotation;
export type EventKind = Event['kind'];

const KINDS: { readonly [K in EventKind]: Kind<Extract<Event, { kind: K }>> } = {
  GENESIS: genesis,
  ARTIFACT_CREATED: created,
  DELEGATION: delegation,
  REVOCATION: revocation,
  REFUSAL: refusal,
  DECISION: decision,
  MEASUREMENT: measurement,
  TRIGGER: trigger,
  ENROLLMENT: enrollment,
  EXPIRY: expiry,
  SPEND_RESERVED: spendReserved,
  SPEND_SETTLED: spendSettled,
  JOB_ACCEPTED: jobAccepted,
  JOB_EVENT: jobEvent,
  JOB_ENDED: jobEnded,
  LOG_KEY: logKey,
};

export const EVENT_KINDS = Object.keys(KINDS) as EventKind[]; // Object.keys forgets the literal names

// A row of the table and its event are of one kind; the compiler cannot follow that through the look-up.
const kindOf = (name: string): Kind<Event> => {
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name as EventKind] : undefined;
  if (!kind) throw new Refusal('INVALID_REQUEST', `Unknown event kind "${name}".`);
  return kind as unknown as Kind<Event>;
};

export const decodeEvent = (wire: Wire): Event => kindOf(wire.kind).decode(wire);
export const encodeEvent = (event: Event): Wire => kindOf(event.kind).encode(event);
export const namesOf = (event: Event): readonly string[] => kindOf(event.kind).names(event);

/** The law: throws a refusal when `event` may not happen here. Lets time pass up to `at`, and else only reads. */
export function check(state: State, event: Event, at: Position): void {
  state.advance(at.time);
  if (state.authority === null && event.kind !== 'GENESIS') {
    throw new Refusal('INVALID_REQUEST', 'A chain begins with its genesis entry.');
  }
  kindOf(event.kind).check(state, event, at);
}

/** Applies what was allowed. Cannot refuse. */
export function evolve(state: State, event: Event, at: Position): void {
  state.advance(at.time);
  kindOf(event.kind).evolve(state, event, at);
}
