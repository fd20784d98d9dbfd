/**
 * One writer per process: calls wait in one queue, and each round decides the whole waiting batch at the exact head of
 * the chain, commits it in one store transaction under one signed checkpoint, and only then answers.
 */

import { genesisBytes } from './authority/event/genesis.ts';
import { decodeEvent, type Event } from './authority/event/index.ts';
import { OPERATOR } from './authority/event/refusal.ts';
import type { Ledger } from './authority/ledger.ts';
import { freeze } from './authority/snapshot.ts';
import type { State } from './authority/state.ts';
import { toDidKey } from './base/did-key.ts';
import { toBase64url } from './base/encoding.ts';
import { type Code, Refusal } from './base/refusal.ts';
import type { Caller } from './caller.ts';
import type { Entry } from './chain/entry.ts';
import { type Caches, Follower, lacksKey } from './follower.ts';
import type { Clock, Head, Keys, Row, Store } from './ports.ts';
import { type Tokens, tokensOf } from './tokens.ts';
import type { Context, Policy, Reader, Step } from './tools/tool.ts';

/** Calls decided in one commit. */
const BATCH = 256;
/** Entries after which the state is written down again, at least. */
const SNAPSHOT_EVERY = 2000;
/** Refusals that say something about the request or the store, not about what the caller may do. */
const UNRECORDED: ReadonlySet<Code> = new Set(['INVALID_REQUEST', 'INTERNAL', 'CHAIN_CONTENDED', 'CHAIN_BROKEN']);

export interface Call<O> {
  /** Named in the record of a refusal. */
  readonly name: string;
  readonly caller: Caller;
  /** The artifact that a refusal is laid to, where the caller is known by a secret alone. */
  blame?(state: State): string | null;
  /** Whether it may propose an event; what does not is answered without a commit. */
  readonly writes: boolean;
  decide(context: Context): Step<O>;
  /** Answers where the chain is broken and there is no state to decide on; without it the call is refused with `why`. */
  whenBroken?(reader: Reader, why: Refusal): Promise<O>;
}

interface Job {
  readonly call: Call<unknown>;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** What was decided, once it was; `row` where it proposed an event. */
  outcome?: { readonly step: Step<unknown>; readonly row?: Row } | { readonly error: unknown };
  /** What one of its several events was refused for, when the batch was decided before. */
  refused?: { readonly error: unknown };
}

/** The law took some events of a request and refused another: a ledger cannot give back what it has followed. */
class HalfDecided extends Error {
  readonly job: Job;

  constructor(job: Job, cause: unknown) {
    super('one of several events was refused', { cause });
    this.job = job;
  }
}

export interface World {
  readonly store: Store;
  readonly caches: Caches;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly policy: Policy;
  /** Fresh random bytes. */
  readonly random: (length: number) => Uint8Array;
  /** The chain's name, also the name of the log's key. */
  readonly origin: string;
}

export class Sequencer {
  readonly #world: World;
  readonly #follower: Follower;
  readonly #reader: Reader;
  readonly #tokens: Tokens;
  #queue: Job[] = [];
  #draining: Promise<void> | undefined;
  #ledger: Ledger | undefined;
  #broken: Refusal | undefined;
  #head: Head | null = null;
  #saved = 0;

  constructor(world: World, reader: (follower: Follower) => Reader) {
    this.#world = world;
    this.#follower = new Follower(world.store, world.caches, world.keys, world.origin);
    this.#reader = reader(this.#follower);
    this.#tokens = tokensOf(world.keys.authority);
  }

  /** Looks at entries that somebody was allowed to see before. */
  get reader(): Reader {
    return this.#reader;
  }

  /** Decides a call at the head of the chain; resolves when what it wrote is durable. Throws its refusal. */
  submit<O>(call: Call<O>): Promise<O> {
    return new Promise<O>((resolve, reject) => {
      this.#queue.push({ call: call as Call<unknown>, resolve: resolve as (answer: unknown) => void, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Answers what is waiting and writes the caches down. */
  async close(): Promise<void> {
    await this.#draining;
    await this.#save(64);
    await this.#follower.remember(this.#head);
  }

  async #drain(): Promise<void> {
    // Everything that arrived in this turn of the event loop shares the first commit; a question needs none.
    if (this.#queue.some(({ call }) => call.writes)) await new Promise((resolve) => setImmediate(resolve));
    else await undefined;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, BATCH);
      try {
        await this.#round(batch);
      } catch (error) {
        if (error instanceof Refusal && error.code === 'CHAIN_BROKEN') this.#broken = error;
        for (const job of batch) this.#fail(job, error);
      }
    }
    this.#draining = undefined;
    this.#follower.rememberSoon(() => this.#head);
    await this.#save(Math.max(SNAPSHOT_EVERY, (this.#ledger?.state.grants.size ?? 0) / 2));
  }

  #fail({ call, resolve, reject }: Job, error: unknown): void {
    if (this.#broken && call.whenBroken) call.whenBroken(this.#reader, this.#broken).then(resolve, reject);
    else reject(error);
  }

  async #round(batch: readonly Job[]): Promise<void> {
    if (this.#broken) throw this.#broken;
    this.#ledger ??= await this.#open();
    const ledger = this.#ledger;
    if (ledger.size > 0 && !batch.some(({ call }) => call.writes)) {
      await this.#follower.catchUp(ledger);
      this.#follower.turn(ledger.state);
      for (const job of batch) this.#decide(ledger, job, []);
    } else {
      await this.#commit(ledger, batch);
    }
    for (const job of batch) void this.#settle(job);
  }

  async #commit(ledger: Ledger, batch: readonly Job[]): Promise<void> {
    let decided = false;
    let sealed: Head | null = null;
    let former = false;
    try {
      await this.#world.store.commit(ledger.size, (news, head) => {
        // A store may ask again where nothing was written; a ledger cannot take back what it has followed.
        if (decided) throw notWritten();
        this.#follower.follow(ledger, news, head);
        decided = true;
        // A log that has gone over to another key is written by who has that one; it is looked for without the lock.
        former = ledger.size > 0 && ledger.state.logKey !== this.#follower.logKey;
        if (former) return null;
        const rows: Row[] = [];
        if (ledger.size === 0) rows.push(this.#genesis(ledger));
        for (const job of batch) this.#decide(ledger, job, rows);
        if (rows.length === 0) return null;
        sealed = this.#follower.seal(ledger);
        return { rows, head: sealed };
      });
      this.#head = sealed ?? this.#head;
    } catch (error) {
      if (!decided) throw error;
      return error instanceof HalfDecided ? this.#again(batch, error) : this.#recover(batch, error);
    }
    if (!this.#follower.turn(ledger.state)) this.#withhold(ledger, batch);
    else if (former) await this.#commit(ledger, batch);
  }

  /** Another key signs the log by now, and is not here: what asks is answered, what would write is refused. */
  #withhold(ledger: Ledger, batch: readonly Job[]): void {
    for (const job of batch) {
      if (job.call.writes) job.outcome = { error: lacksKey() };
      else this.#decide(ledger, job, []);
    }
  }

  /** Nothing was written: the same batch is decided anew, and the request that failed halfway is refused whole. */
  async #again(batch: readonly Job[], { job, cause }: HalfDecided): Promise<void> {
    job.refused = { error: cause };
    this.#ledger = undefined;
    this.#ledger = await this.#open();
    await this.#commit(this.#ledger, batch);
  }

  /** The commit failed and may have happened: the store is asked, nothing is guessed. */
  async #recover(batch: readonly Job[], error: unknown): Promise<void> {
    this.#ledger = undefined; // it has followed entries that may not exist
    this.#ledger = await this.#open();
    for (const job of batch) {
      const row = job.outcome && 'row' in job.outcome ? job.outcome.row : undefined;
      const written = row && (await this.#world.store.read({ after: row.sequence_number - 1, limit: 1 })).rows[0];
      if (!row || written?.entry_hash !== row.entry_hash) job.outcome = { error: refusalOf(error) };
    }
  }

  async #open(): Promise<Ledger> {
    const ledger = await this.#follower.open();
    this.#saved = ledger.size;
    return ledger;
  }

  #decide(ledger: Ledger, job: Job, rows: Row[]): void {
    const { call } = job;
    const { caller } = call;
    const { state, size } = ledger;
    const now = Math.max(this.#world.clock(), state.time);
    state.advance(now);
    const { policy, keys } = this.#world;
    const { authority } = keys;
    const nonce = () => toBase64url(this.#world.random(16));
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
      if (call.writes) this.#record(ledger, call, error, now, rows);
    }
  }

  /** A refused mutation by a known caller is an entry, so that attempts leave a trace. */
  #record(ledger: Ledger, call: Call<unknown>, error: unknown, now: number, rows: Row[]): void {
    if (!(error instanceof Refusal) || UNRECORDED.has(error.code)) return;
    const { caller, name } = call;
    const { binding } = caller;
    const artifact = call.blame ? call.blame(ledger.state) : caller.artifact;
    if (artifact !== null && !ledger.state.grants.has(artifact)) return;
    if (!ledger.state.mayRecordRefusal(artifact ?? OPERATOR, now)) return;
    rows.push(ledger.append({ kind: 'REFUSAL', code: error.code, artifact_hash: artifact, binding, tool: name }, now));
  }

  #genesis(ledger: Ledger): Row {
    const { authority } = this.#world.keys;
    const unsigned = {
      kind: 'GENESIS' as const,
      authority: toDidKey(authority.publicKey),
      log_key: this.#follower.logKey,
    };
    const signature = toBase64url(authority.sign(genesisBytes(unsigned)));
    return ledger.append({ ...unsigned, signature }, this.#world.clock());
  }

  async #settle({ outcome, resolve, reject }: Job): Promise<void> {
    try {
      if (!outcome) throw new Error('a job of the batch was not decided');
      if ('error' in outcome) throw outcome.error;
      const { step, row } = outcome;
      if ('answer' in step) resolve(step.answer);
      else if ('later' in step) resolve(await step.later(this.#reader));
      else if ('recall' in step) resolve(await this.#recall(step.recall, step.tell));
      else if (row) resolve(step.tell(step.event, row));
    } catch (error) {
      reject(error);
    }
  }

  async #recall<O>(sequence: number, tell: (event: Event, at: Row) => O): Promise<O> {
    const { rows } = await this.#reader.read({ after: sequence - 1, limit: 1 });
    const [row] = rows;
    if (!row) throw new Error('a remembered entry is not on the chain');
    const { event } = JSON.parse(row.entry) as Entry; // our own bytes
    return tell(decodeEvent(event), row);
  }

  async #save(after: number): Promise<void> {
    const ledger = this.#ledger;
    if (!ledger || this.#broken || this.#follower.lacking || ledger.size - this.#saved < after) return;
    this.#saved = ledger.size;
    await this.#world.caches.snapshot.save(freeze(ledger, this.#follower.log)).catch(() => undefined);
  }
}

/** Nothing of a failed commit was written; what the store said is for the operator, unless it is a refusal already. */
function refusalOf(error: unknown): unknown {
  return error instanceof Refusal ? error : notWritten();
}

const notWritten = (): Refusal =>
  new Refusal('CHAIN_CONTENDED', 'The entry could not be written; nothing was recorded.');
