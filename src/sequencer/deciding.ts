/** Decides one call on a ledger at the head of the chain: what it appends, or why it is refused. */
import { genesisBytes } from '../authority/event/genesis.ts';
import { OPERATOR } from '../authority/event/refusal.ts';
import type { Ledger } from '../authority/ledger.ts';
import { toDidKey } from '../base/did-key.ts';
import { toBase64url } from '../base/encoding.ts';
import { type Code, Refusal } from '../base/refusal.ts';
import { type Tokens, tokensOf } from '../keys/tokens.ts';
import type { Clock, Keys, Row } from '../ports.ts';
import type { Policy } from '../tools/tool.ts';
import { type Call, HalfDecided, type Job } from './call.ts';

/** Refusals about the request or the store, not about what the caller may do: they leave no entry. */
const UNRECORDED: ReadonlySet<Code> = new Set(['INVALID_REQUEST', 'INTERNAL', 'CHAIN_CONTENDED', 'CHAIN_BROKEN']);

export interface Means {
  readonly keys: Keys;
  readonly clock: Clock;
  readonly policy: Policy;
  /** Fresh random bytes. */
  readonly random: (length: number) => Uint8Array;
}

export class Deciding {
  readonly #means: Means;
  readonly #tokens: Tokens;

  constructor(means: Means) {
    this.#means = means;
    this.#tokens = tokensOf(means.keys.authority);
  }

  /** Appends the first entry of a chain whose log has this key. */
  begin(ledger: Ledger, logKey: string): Row {
    const { authority } = this.#means.keys;
    const unsigned = { kind: 'GENESIS' as const, authority: toDidKey(authority.publicKey), log_key: logKey };
    const signature = toBase64url(authority.sign(genesisBytes(unsigned)));
    return ledger.append({ ...unsigned, signature }, Math.max(this.#means.clock(), ledger.state.time));
  }

  /** Sets the job's outcome, and adds the rows that it appends to `rows`. @throws HalfDecided */
  decide(ledger: Ledger, job: Job, rows: Row[]): void {
    const { call } = job;
    const { caller } = call;
    const { state, size } = ledger;
    const { clock, policy, keys, random } = this.#means;
    const now = Math.max(clock(), state.time);
    state.advance(now);
    const { authority } = keys;
    const nonce = () => toBase64url(random(16));
    const enrolmentToken = this.#tokens.enrolment;
    const place = { sequence: size, previousHash: ledger.lastHash };
    try {
      if (job.refused) throw job.refused.error;
      const step = call.decide({ state, now, place, caller, authority, policy, nonce, enrolmentToken });
      if (!('event' in step)) job.outcome = { step };
      else {
        for (const event of step.before ?? []) rows.push(ledger.append(event, now));
        const row = ledger.append(step.event, now);
        rows.push(row);
        for (const event of step.after ?? []) rows.push(ledger.append(event, now));
        job.outcome = { step, row };
      }
    } catch (error) {
      if (ledger.size > size) throw new HalfDecided(job, error);
      job.outcome = { error };
      if (call.writes) record(ledger, call, error, now, rows);
    }
  }
}

/** A refused mutation by a known caller becomes an entry, so that attempts leave a trace. */
function record(ledger: Ledger, call: Call<unknown>, error: unknown, now: number, rows: Row[]): void {
  if (!(error instanceof Refusal) || UNRECORDED.has(error.code)) return;
  const { caller, name } = call;
  const { binding } = caller;
  const artifact = call.blame ? call.blame(ledger.state) : caller.artifact;
  if (artifact !== null && !ledger.state.grants.has(artifact)) return;
  if (!ledger.state.refusals.mayRecord(artifact ?? OPERATOR, now)) return;
  rows.push(ledger.append({ kind: 'REFUSAL', code: error.code, artifact_hash: artifact, binding, tool: name }, now));
}
