/**
 * One writer per process: calls wait in one queue, and each round decides the whole waiting batch at the exact head of
 * the chain, commits it in one store transaction under one signed checkpoint, and only then answers.
 */
import { broken, type Ledger } from '../authority/ledger.ts';
import { freeze } from '../authority/snapshot.ts';
import { Refusal } from '../base/refusal.ts';
import type { End, Head, Row, Store } from '../ports.ts';
import type { Reader } from '../tools/tool.ts';
import { type Call, HalfDecided, type Job, settle } from './call.ts';
import { Deciding, type Means } from './deciding.ts';
import { type Caches, Follower, lacksKey } from './follower.ts';
import { Landing } from './landing.ts';

/** Calls decided in one commit. */
const BATCH = 256;
/**
 * Turns of the event loop that a commit waits for more to share it where several wait already: each takes microseconds, and
 * a commit, its signature and its sync cost as much for one as for sixteen.
 */
const MORE_TURNS = 2;
/** How often a database may crash under one batch before it is taken for broken. */
const CRASHES = 9;
/** Entries that are worth being handed over before the rest of a batch. */
const PIECE = 16;
/** Entries after which the state is written down again, at least. */
const SNAPSHOT_EVERY = 2000;

export interface World extends Means {
  readonly store: Store;
  readonly caches: Caches;
  /** The chain's name, also the name of the log's key. */
  readonly origin: string;
}

export class Sequencer {
  readonly #world: World;
  readonly #follower: Follower;
  readonly #reader: Reader;
  readonly #deciding: Deciding;
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
  /** Whether the last round was for more than one. */
  #several = false;

  constructor(world: World, reader: (follower: Follower) => Reader) {
    this.#world = world;
    this.#follower = new Follower(world.store, world.caches, world.keys, world.origin);
    this.#landing = new Landing(world.store);
    this.#reader = this.#landing.shown(reader(this.#follower));
    this.#deciding = new Deciding(world);
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
    const writes = (): boolean => this.#queue.some(({ call }) => call.writes);
    await (writes() ? turn() : undefined);
    while (this.#queue.length > 0) {
      // Where several came together, the others are not far.
      for (let turns = 0; this.#several && turns < MORE_TURNS && writes(); turns++) await turn();
      const batch = this.#queue.splice(0, BATCH);
      this.#several = batch.length > 1;
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

  async #round(batch: Job[], crashes = 0): Promise<void> {
    if (this.#broken) throw this.#broken;
    this.#ledger ??= await this.#open();
    const ledger = this.#ledger;
    try {
      await this.#judge(ledger, batch);
    } catch (error) {
      const held = this.#ledger;
      if (!held || !this.#landing.mayForget(error, endOf(held)) || crashes === CRASHES) throw error;
      // Read anew, it opens if no more is missing.
      this.#ledger = undefined;
      await this.#round(batch, crashes + 1);
    }
  }

  async #judge(ledger: Ledger, batch: Job[]): Promise<void> {
    if (ledger.size > 0 && !batch.some(({ call }) => call.writes)) {
      await this.#follower.catchUp(ledger);
      this.#follower.turn(ledger.state);
      for (const job of batch) this.#deciding.decide(ledger, job, []);
      // What a question has seen may be on its way to the disk, ours or another process's.
      if (this.#landing.has(ledger.size)) this.#settle(batch);
      else this.#answer(this.#landing.firmly(endOf(ledger)), batch);
    } else {
      this.#sealed = null;
      await this.#commit(ledger, batch);
      this.#land(batch);
    }
  }

  /** Answers when the disk has what was committed; the next round is decided meanwhile. */
  #land(batch: readonly Job[]): void {
    const head = this.#sealed;
    const end = this.#ledger ? endOf(this.#ledger) : NOWHERE;
    const durable = this.#landing.commit(end, batch.length === 1 && this.#queue.length === 0).then(() => {
      if (!head) return;
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
        (news, head, early) => {
          // A store may ask again where nothing was written; a ledger cannot take back what it has followed.
          if (decided) throw notWritten();
          this.#follower.follow(ledger, news, head);
          decided = true;
          // A log that has gone over to another key is written by who has that one; it is looked for without the lock.
          former = ledger.size > 0 && ledger.state.logKey !== this.#follower.logKey;
          if (former) return null;
          const rows: Row[] = [];
          if (ledger.size === 0) rows.push(this.#deciding.begin(ledger, this.#follower.logKey));
          // Who came while we waited for the right to append need not wait for the next turn.
          batch.push(...this.#queue.splice(0, BATCH - batch.length));
          let told = 0;
          for (const job of batch) {
            // What was decided so far is written while the rest is decided, where that is somebody else's work.
            if (early && rows.length - told >= PIECE) {
              early(rows.slice(told));
              told = rows.length;
            }
            this.#deciding.decide(ledger, job, rows);
          }
          if (rows.length === 0) return null;
          sealed = this.#follower.seal(ledger);
          return { rows, head: sealed };
        },
        follow,
      );
      this.#sealed = sealed;
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
      else this.#deciding.decide(ledger, job, []);
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
    // A database that crashes between two pages shows two histories; read once more, it shows one.
    const ledger = await this.#follower.open().catch((error: unknown) => {
      if (error instanceof Refusal && error.code === 'CHAIN_BROKEN') return this.#follower.open();
      throw error;
    });
    const { size, entry_hash } = this.#landing.firm;
    const [last] = size > 0 ? (await this.#world.store.read({ after: size - 2, limit: 1 })).rows : [];
    if (last?.entry_hash !== (size > 0 ? entry_hash : undefined))
      throw broken(`Entry ${size - 1}, which was answered for here, is not there any more.`);
    // Whoever only asks writes down what it folded too, or every start after it would fold the same again.
    this.#saved = this.#follower.kept;
    return ledger;
  }

  async #save(after: number): Promise<void> {
    const ledger = this.#ledger;
    if (!ledger || this.#broken || this.#follower.lacking || ledger.size - this.#saved < after) return;
    this.#saved = ledger.size;
    const snapshot = freeze(ledger, this.#follower.log);
    // It may not know of entries that a power cut takes back; without it the next start only takes longer.
    const { store, caches } = this.#world;
    await store
      .durable(endOf(ledger), false)
      .then(() => caches.snapshot.save(snapshot))
      .catch(() => undefined);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const endOf = ({ size, lastHash }: Ledger): End => ({ size, entry_hash: lastHash });
const NOWHERE: End = { size: 0, entry_hash: '' };

/** Nothing of a failed commit was written; what the store said is for the operator, unless it is a refusal already. */
function refusalOf(error: unknown): unknown {
  return error instanceof Refusal ? error : notWritten();
}

const notWritten = (): Refusal =>
  new Refusal('CHAIN_CONTENDED', 'The entry could not be written; nothing was recorded.');
