/**
 * One writer per process: calls wait in one queue, and each round decides the whole waiting batch at the exact head of
 * the chain, commits it in one store transaction under one signed checkpoint, and only then answers.
 */

import { genesisBytes } from './authority/event/genesis.ts';
import { OPERATOR } from './authority/event/refusal.ts';
import type { Ledger } from './authority/ledger.ts';
import { freeze } from './authority/snapshot.ts';
import { toDidKey } from './base/did-key.ts';
import { toBase64url } from './base/encoding.ts';
import { type Code, Refusal } from './base/refusal.ts';
import { type Call, HalfDecided, type Job, settle } from './call.ts';
import { type Caches, Follower, lacksKey } from './follower.ts';
import { Landing } from './landing.ts';
import type { Clock, Head, Keys, Row, Store } from './ports.ts';
import { type Tokens, tokensOf } from './tokens.ts';
import type { Policy, Reader } from './tools/tool.ts';

/** Calls decided in one commit. */
const BATCH = 256;
/** Entries after which the state is written down again, at least. */
const SNAPSHOT_EVERY = 2000;
/** Refusals that say something about the request or the store, not about what the caller may do. */
const UNRECORDED: ReadonlySet<Code> = new Set(['INVALID_REQUEST', 'INTERNAL', 'CHAIN_CONTENDED', 'CHAIN_BROKEN']);

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
  /** Batches that are committed and wait for the disk, and questions that have seen such a batch. */
  readonly #landing: Landing;
  #ledger: Ledger | undefined;
  #broken: Refusal | undefined;
  /** Where the chain ended after our last commit, and the last of these that is durable. */
  #sealed: Head | null = null;
  #head: Head | null = null;
  #saved = 0;

  constructor(world: World, reader: (follower: Follower) => Reader) {
    this.#world = world;
    this.#follower = new Follower(world.store, world.caches, world.keys, world.origin);
    this.#landing = new Landing(world.store);
    this.#reader = this.#landing.shown(reader(this.#follower));
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
    await this.#landing.ended();
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
    await this.#save(Math.max(SNAPSHOT_EVERY, (this.#ledger?.state.grants.size ?? 0) / 2));
  }

  #fail({ call, resolve, reject }: Job, error: unknown): void {
    if (this.#broken && call.whenBroken) call.whenBroken(this.#reader, this.#broken).then(resolve, reject);
    else reject(error);
  }

  async #round(batch: Job[]): Promise<void> {
    if (this.#broken) throw this.#broken;
    this.#ledger ??= await this.#open();
    const ledger = this.#ledger;
    if (ledger.size > 0 && !batch.some(({ call }) => call.writes)) {
      await this.#follower.catchUp(ledger);
      this.#follower.turn(ledger.state);
      for (const job of batch) this.#decide(ledger, job, []);
      // What a question has seen may be on its way to the disk, ours or another process's.
      if (this.#landing.has(ledger.size)) this.#settle(batch);
      else this.#answer(this.#landing.firmly(ledger.size), batch);
    } else {
      await this.#commit(ledger, batch);
      this.#land(batch);
    }
  }

  /** Answers when the disk has what was committed; the next round is decided meanwhile. */
  #land(batch: readonly Job[]): void {
    const head = this.#sealed;
    const size = this.#ledger?.size ?? 0;
    const durable = this.#landing.commit(size, batch.length === 1 && this.#queue.length === 0).then(() => {
      this.#head = head;
      this.#follower.rememberSoon(() => this.#head);
    });
    this.#answer(durable, batch);
  }

  #answer(durable: Promise<void>, batch: readonly Job[]): void {
    this.#landing.answer(
      durable,
      () => this.#settle(batch),
      (error) => {
        for (const job of batch) this.#fail(job, error);
      },
    );
  }

  #settle(batch: readonly Job[]): void {
    for (const job of batch) void settle(job, this.#reader);
  }

  async #commit(ledger: Ledger, batch: Job[]): Promise<void> {
    let decided = false;
    const follow = (rows: readonly Row[]): void => {
      for (const row of rows) ledger.absorb(row);
    };
    let sealed: Head | null = null;
    let former = false;
    try {
      await this.#world.store.commit(
        ledger.size,
        (news, head) => {
          // A store may ask again where nothing was written; a ledger cannot take back what it has followed.
          if (decided) throw notWritten();
          this.#follower.follow(ledger, news, head);
          decided = true;
          // A log that has gone over to another key is written by who has that one; it is looked for without the lock.
          former = ledger.size > 0 && ledger.state.logKey !== this.#follower.logKey;
          if (former) return null;
          const rows: Row[] = [];
          if (ledger.size === 0) rows.push(this.#genesis(ledger));
          // Who came while we waited for the right to append need not wait for the next turn.
          batch.push(...this.#queue.splice(0, BATCH - batch.length));
          for (const job of batch) this.#decide(ledger, job, rows);
          if (rows.length === 0) return null;
          sealed = this.#follower.seal(ledger);
          return { rows, head: sealed };
        },
        follow,
      );
      this.#sealed = sealed ?? this.#sealed;
    } catch (error) {
      if (!decided) throw error;
      return error instanceof HalfDecided ? this.#again(batch, error) : this.#recover(batch, error);
    }
    const isHere = this.#follower.turn(ledger.state);
    // What was written before the key went away was written, and its answer stands.
    if (former) await (isHere ? this.#commit(ledger, batch) : this.#withhold(ledger, batch));
  }

  /** Another key signs the log by now, and is not here: what asks is answered, what would write is refused. */
  #withhold(ledger: Ledger, batch: readonly Job[]): void {
    for (const job of batch) {
      if (job.call.writes) job.outcome = { error: lacksKey() };
      else this.#decide(ledger, job, []);
    }
  }

  /** Nothing was written: the same batch is decided anew, and the request that failed halfway is refused whole. */
  async #again(batch: Job[], { job, cause }: HalfDecided): Promise<void> {
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
    // Whoever only asks writes down what it folded too, or every start after it would fold the same again.
    this.#saved = this.#follower.kept;
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

  async #save(after: number): Promise<void> {
    const ledger = this.#ledger;
    if (!ledger || this.#broken || this.#follower.lacking || ledger.size - this.#saved < after) return;
    this.#saved = ledger.size;
    const snapshot = freeze(ledger, this.#follower.log);
    // It may not know of entries that a power cut takes back; without it the next start only takes longer.
    const { store, caches } = this.#world;
    await store
      .durable(false)
      .then(() => caches.snapshot.save(snapshot))
      .catch(() => undefined);
  }
}

/** Nothing of a failed commit was written; what the store said is for the operator, unless it is a refusal already. */
function refusalOf(error: unknown): unknown {
  return error instanceof Refusal ? error : notWritten();
}

const notWritten = (): Refusal =>
  new Refusal('CHAIN_CONTENDED', 'The entry could not be written; nothing was recorded.');
