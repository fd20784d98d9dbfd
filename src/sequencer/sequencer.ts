/**
 * One writer per process: calls wait in one queue, and each round decides the whole waiting batch at the exact head of
 * the chain, commits it in one store transaction under one signed checkpoint, and only then answers.
 */
import { broken, type Ledger } from '../authority/ledger.ts';
import { freeze } from '../authority/snapshot.ts';
import { Refusal } from '../base/refusal.ts';
import type { Decide, End, Head, Row, Store } from '../ports.ts';
import type { Reader } from '../tools/tool.ts';
import { type Call, HalfDecided, type Job, settle } from './call.ts';
import { Deciding, type Means } from './deciding.ts';
import { type Caches, Follower, lacksKey } from './follower.ts';
import { Landing } from './landing.ts';

/** Calls decided in one commit. */
const BATCH = 256;
/**
 * Turns of the event loop that a commit waits for more calls to share it when the last round had several. A turn takes
 * microseconds; a commit, its signature and its sync cost as much for one call as for sixteen.
 */
const MORE_TURNS = 2;
/** How often a database may crash under one batch before we call it broken. */
const CRASHES = 9;
/** Rows that are worth handing to the store before the rest of the batch is decided. */
const PIECE = 16;
/** Milliseconds for which a disk that took nothing counts as unfit: somebody must try again to know better. */
const UNFIT = 60_000;
/** A snapshot is saved after at least this many new entries. */
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
  /** Committed batches that wait for the disk, and questions whose answer depends on such a batch. */
  readonly #landing: Landing;
  #ledger: Ledger | undefined;
  #broken: Refusal | undefined;
  /** The last head of ours that is on the disk. */
  #head: Head | null = null;
  /** Entries under the snapshot that was saved last. */
  #saved = 0;
  /** Why the last commit failed, where the store itself is unfit. */
  #unfit: { readonly why: Refusal; readonly at: number } | undefined;
  /** Whether the last round decided more than one call. */
  #several = false;

  constructor(world: World, reader: (follower: Follower) => Reader) {
    this.#world = world;
    this.#follower = new Follower(world.store, world.caches, world.keys, world.origin);
    this.#landing = new Landing(world.store);
    this.#reader = this.#landing.shown(reader(this.#follower));
    this.#deciding = new Deciding(world);
  }

  /** Reads the chain without asking who may; for callers who have made sure of that. */
  get reader(): Reader {
    return this.#reader;
  }

  /** Why nothing could be written a moment ago; undefined where something was since, or nobody has tried. */
  get unwritable(): Refusal | undefined {
    const { why, at = 0 } = this.#unfit ?? {};
    return this.#world.clock() < at + UNFIT ? why : undefined;
  }

  /** Decides a call at the head of the chain; resolves when what it wrote is durable. Throws its refusal. */
  submit<O>(call: Call<O>): Promise<O> {
    return new Promise<O>((resolve, reject) => {
      this.#queue.push({ call: call as Call<unknown>, resolve: resolve as (answer: unknown) => void, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Answers what is waiting, then saves the caches. */
  async close(): Promise<void> {
    await this.#draining;
    await this.#landing.ended();
    await this.#save(64);
    await this.#follower.remember(this.#head);
  }

  async #drain(): Promise<void> {
    // Calls that arrive in the same turn of the event loop share the first commit; questions need no commit.
    const writes = (): boolean => this.#queue.some(({ call }) => call.writes);
    await (writes() ? turn() : undefined);
    while (this.#queue.length > 0) {
      // Calls come in bursts: more are probably on their way.
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
      // The chain opens again if it lost nothing that anybody was told of.
      this.#ledger = undefined;
      await this.#round(batch, crashes + 1);
    }
  }

  async #judge(ledger: Ledger, batch: Job[]): Promise<void> {
    if (ledger.size > 0 && !batch.some(({ call }) => call.writes)) {
      await this.#follower.catchUp(ledger);
      this.#follower.turn(ledger.state);
      for (const job of batch) this.#deciding.decide(ledger, job, []);
      // The answer may rest on entries that are not on the disk yet, ours or another process's.
      if (this.#landing.has(ledger.size)) this.#settle(batch);
      else this.#answer(this.#landing.firmly(endOf(ledger)), batch);
    } else {
      this.#land(batch, await this.#commit(ledger, batch));
    }
  }

  /** Answers once the disk has what was committed. The next round is decided meanwhile. */
  #land(batch: readonly Job[], head: Head | null): void {
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

  /** Decides the batch at the head of the store and appends what it writes; resolves to the head that it sealed, if any. */
  async #commit(ledger: Ledger, batch: Job[]): Promise<Head | null> {
    let isFollowing = false;
    let isSuperseded = false;
    let sealed: Head | null = null;
    const decide: Decide = (news, head, early) => {
      // A store may ask again if nothing was written, but a ledger cannot give back what it has followed.
      if (isFollowing) throw notWritten();
      this.#follower.follow(ledger, news, head);
      isFollowing = true;
      // Once the log has another key, only the holder of that key writes. We look for it without holding the lock.
      isSuperseded = ledger.size > 0 && ledger.state.logKey !== this.#follower.logKey;
      if (isSuperseded) return null;
      const rows = this.#append(ledger, batch, early);
      if (rows.length === 0) return null;
      sealed = this.#follower.seal(ledger);
      return { rows, head: sealed };
    };
    try {
      await this.#world.store.commit(ledger.size, decide, (rows) => {
        for (const row of rows) ledger.absorb(row);
      });
    } catch (error) {
      if (error instanceof Refusal && error.code === 'INTERNAL') this.#unfit = { why: error, at: this.#world.clock() };
      if (!isFollowing) throw error;
      return error instanceof HalfDecided ? this.#again(batch, error) : this.#recover(batch, error);
    }
    if (sealed) this.#unfit = undefined;
    const isHere = this.#follower.turn(ledger.state);
    if (!isSuperseded) return sealed;
    if (isHere) return this.#commit(ledger, batch);
    this.#withhold(ledger, batch);
    return null;
  }

  /** Everything that the batch appends, in order. `early` is shown the first rows while the others are being decided. */
  #append(ledger: Ledger, batch: Job[], early?: (rows: readonly Row[]) => void): Row[] {
    const rows: Row[] = [];
    if (ledger.size === 0) rows.push(this.#deciding.begin(ledger, this.#follower.logKey));
    // Calls that arrived while we waited for the lock share this commit.
    batch.push(...this.#queue.splice(0, BATCH - batch.length));
    let shown = 0;
    for (const job of batch) {
      if (early && rows.length - shown >= PIECE) {
        early(rows.slice(shown));
        shown = rows.length;
      }
      this.#deciding.decide(ledger, job, rows);
    }
    return rows;
  }

  /** The log has a key now that this process does not hold: it still answers questions, and refuses what would write. */
  #withhold(ledger: Ledger, batch: readonly Job[]): void {
    for (const job of batch) {
      if (job.call.writes) job.outcome = { error: lacksKey() };
      else this.#deciding.decide(ledger, job, []);
    }
  }

  /** Nothing was written: the batch is decided again from the start, and the request that failed halfway is refused whole. */
  async #again(batch: Job[], { job, cause }: HalfDecided): Promise<Head | null> {
    job.refused = { error: cause };
    this.#ledger = undefined;
    this.#ledger = await this.#open();
    return this.#commit(this.#ledger, batch);
  }

  /** The commit failed but may have happened: what the store now holds decides each answer. */
  async #recover(batch: readonly Job[], error: unknown): Promise<null> {
    this.#ledger = undefined; // it holds entries that may not exist
    this.#ledger = await this.#open();
    for (const job of batch) {
      const row = job.outcome && 'row' in job.outcome ? job.outcome.row : undefined;
      const written = row && (await this.#world.store.read({ after: row.sequence_number - 1, limit: 1 })).rows[0];
      if (!row || written?.entry_hash !== row.entry_hash) job.outcome = { error: refusalOf(error) };
    }
    return null;
  }

  async #open(): Promise<Ledger> {
    // A database that crashes between two pages shows parts of two histories; a second reading sees only one.
    const ledger = await this.#follower.open().catch((error: unknown) => {
      if (error instanceof Refusal && error.code === 'CHAIN_BROKEN') return this.#follower.open();
      throw error;
    });
    const { size, entry_hash } = this.#landing.firm;
    const [last] = size > 0 ? (await this.#world.store.read({ after: size - 2, limit: 1 })).rows : [];
    if (last?.entry_hash !== (size > 0 ? entry_hash : undefined))
      throw broken(`Entry ${size - 1}, which this process has confirmed, is gone from the store.`);
    // A process that only asks saves its snapshot too, or every later start would fold the same entries again.
    this.#saved = this.#follower.kept;
    return ledger;
  }

  async #save(after: number): Promise<void> {
    const ledger = this.#ledger;
    if (!ledger || this.#broken || this.#follower.lacking || ledger.size - this.#saved < after) return;
    this.#saved = ledger.size;
    const snapshot = freeze(ledger, this.#follower.log);
    // A snapshot must not hold entries that a power cut can take back. Without one the next start only takes longer.
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

/** What the callers of a commit that wrote nothing are told: the store's own refusal, or a general one. */
function refusalOf(error: unknown): unknown {
  return error instanceof Refusal ? error : notWritten();
}

const notWritten = (): Refusal =>
  new Refusal('CHAIN_CONTENDED', 'The entry could not be written; nothing was recorded.');
