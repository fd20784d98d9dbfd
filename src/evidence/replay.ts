/** Containment and conduct: the law, asked once more about every entry, with only what the bundle holds. */
import { type Breach, breaches, rootBreaches } from '../artifact/lineage.ts';
import { check, type Event, evolve } from '../authority/event/index.ts';
import type { Position } from '../authority/kind.ts';
import { State } from '../authority/state.ts';
import { parseInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import type { Entry } from '../chain/entry.ts';
import { byDigest, type Decided, judgePermit, judgeRefusal, type Want } from './acts.ts';
import type { Extent } from './belonging.ts';
import type { Arguments } from './question.ts';
import type { Findings } from './report.ts';
import type { OpenedEntry } from './survey.ts';

export interface Verdicts {
  readonly integrity: Findings;
  readonly containment: Findings;
  readonly conduct: Findings;
}

/** What the replay could not judge, for want of what it would have to know. */
export interface Replayed {
  readonly state: State;
  /** How many decisions could not be judged, by what that would take. */
  readonly wanting: { readonly [what in Want]: number };
}

export interface Known {
  /** Whether every entry of the chain is there. */
  readonly complete: boolean;
  readonly extent: Extent;
  readonly disclosed: readonly Arguments[];
  /** Told how many of the entries are judged. */
  readonly watch?: (done: number) => void;
}

/** Less knowledge only ever makes the law milder, so what is found is true of the whole chain. */
export function replay(entries: Iterable<OpenedEntry>, known: Known, verdicts: Verdicts): Replayed {
  const state = new State();
  const { complete, extent } = known;
  const disclosed = byDigest(known.disclosed);
  const whole = ({ hash }: { readonly hash: string }) => complete || extent.subtree.has(hash);
  const wanting = { arguments: 0, others: 0 };
  let done = 0;
  for (const { entry, event } of entries) {
    done += 1;
    known.watch?.(done);
    if (!event) continue;
    // Where time goes back, which is a finding of its own, it stands still here.
    state.advance(parseInstant(entry.timestamp)!);
    const at = { sequence: entry.sequence_number, time: state.time, previousHash: entry.previous_hash };
    if ('sealed' in event) judgeLink(state, event, at, verdicts.containment);
    const lawful = !isJudgeable(entry, whole) || judgeLaw(state, event, at, verdicts);
    if (lawful && event.kind === 'DECISION') {
      const grant = state.grants.get(event.artifact_hash ?? '');
      const decided = grant && { event, grant, time: at.time, disclosed, whole };
      const want = decided && judgeDecision(decided, at.sequence, verdicts.conduct);
      if (want) wanting[want] += 1;
    }
    // An unlawful event has its effect all the same, so that what was built on it is judged too; a second genesis has none.
    if (event.kind !== 'GENESIS' || state.authority === null) evolve(state, event, at);
  }
  return { state, wanting };
}

/** Kinds that continue what an earlier entry of the same artifact began, and the member that names it. */
const CONTINUING: { readonly [kind: string]: string } = {
  SPEND_SETTLED: 'artifact_hash',
  JOB_EVENT: 'child_artifact_hash',
  JOB_ENDED: 'child_artifact_hash',
};

/** Whether what the entry continues is in the bundle: of artifacts above the subject, and in a run, it need not be. */
function isJudgeable({ event }: Entry, whole: (artifact: { readonly hash: string }) => boolean): boolean {
  const member = Object.hasOwn(CONTINUING, event.kind) ? CONTINUING[event.kind] : undefined;
  return member === undefined || whole({ hash: String(event[member]) });
}

/** Whether an artifact holds no more than what it was derived from. */
function judgeLink(state: State, event: Extract<Event, { sealed: unknown }>, at: Position, findings: Findings): void {
  const { sealed } = event;
  const parent = sealed.artifact.parent === null ? null : state.grants.get(sealed.artifact.parent);
  if (parent === undefined) {
    findings.add(at.sequence, 'parent', 'The artifact is derived from one that was not there.');
    return;
  }
  const authority = state.authority ?? '';
  const found = parent ? breaches(sealed, parent, authority) : rootBreaches(sealed, authority);
  for (const { rule, message } of found.filter(isOfLink)) findings.add(at.sequence, rule, message);
}

/** Signatures are judged as integrity. */
const isOfLink = ({ rule }: Breach): boolean => rule !== 'signature';

/** Whether the law allows the event; what another verdict has said of the entry is not said again. */
function judgeLaw(state: State, event: Event, at: Position, { integrity, containment, conduct }: Verdicts): boolean {
  try {
    check(state, event, at);
    return true;
  } catch (error) {
    const { code, message } = Refusal.from(error);
    if (!integrity.about(at.sequence) && !containment.about(at.sequence))
      conduct.add(at.sequence, `law.${code}`, `${event.kind}: ${message}`);
    return false;
  }
}

/** Whether the decision was right; answers what it would take to judge it, where that is not there. */
function judgeDecision(decided: Decided, sequence: number, findings: Findings): Want | null {
  const judgement = decided.event.verdict === 'permit' ? judgePermit(decided) : judgeRefusal(decided);
  if (judgement === 'right') return null;
  if ('wants' in judgement) return judgement.wants;
  findings.add(sequence, judgement.rule, judgement.message);
  return null;
}
