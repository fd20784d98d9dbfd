/** One stream of the chain's entries: what its client has got, what its caller may see, and until when. */
import type { ServerResponse } from 'node:http';
import { halted, isWithin } from '../../authority/grant.ts';
import type { State } from '../../authority/state.ts';
import type { Caller } from '../../caller.ts';
import type { Row } from '../../ports.ts';
import type { Service } from '../../service/service.ts';
import { drained } from './drained.ts';
import { HEADERS } from './reply.ts';

export interface Follower {
  readonly caller: Caller;
  /** Milliseconds since the epoch at which the caller's session ends; null where it does not. */
  readonly until: number | null;
  /** Sequence number of the last entry that it has. */
  readonly after: number;
}

/** Entries that are read at once. */
export const PAGE = 500;
/** What may wait for one client. Who has caught up and then reads slower is let go; it resumes with Last-Event-ID. */
const MAX_WAITING_BYTES = 4 << 20;
const HERE = ': here\n\n';

export class Stream {
  readonly #follower: Follower;
  readonly #response: ServerResponse;
  #last: number;

  /** Begins the response. */
  constructor(follower: Follower, response: ServerResponse) {
    this.#follower = follower;
    this.#response = response;
    this.#last = follower.after;
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
    response.write(HERE);
  }

  /** Sequence number of the last entry that it has, or asked to be spared. */
  get last(): number {
    return this.#last;
  }

  get isClosed(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }

  /** From the store, as fast as the client reads, to the end of the chain; resolves to its last entry, or to null when closed. */
  async catchUp(service: Service): Promise<number | null> {
    let end: number | null = null;
    while (end === null && !this.isClosed) {
      end = await this.#readOn(service);
      await drained(this.#response);
    }
    return end;
  }

  /** A new entry, which names these artifacts, where it is news for the caller. */
  show(row: Row, names: readonly string[], state: State): void {
    if (row.sequence_number <= this.#last || !this.#maySee(names, state)) return;
    this.#write(row);
    if (this.#isFull) this.end();
  }

  ping(): void {
    this.#send(HERE);
  }

  /** Whether the client has gone, or was let go, or the caller's authority has ended. `now`: milliseconds since the epoch. */
  isOver(state: State, now: number): boolean {
    const { caller, until } = this.#follower;
    if (this.isClosed) return true;
    if (caller.artifact === null) return false;
    const grant = state.grants.get(caller.artifact);
    return grant === undefined || halted(grant, now) !== null || (until !== null && until <= now);
  }

  end(): void {
    this.#response.end();
  }

  /** Resolves to null where there is more. Of a page of large entries only what may wait is kept, and the rest read again. */
  async #readOn(service: Service): Promise<number | null> {
    const { caller } = this.#follower;
    const within = caller.artifact === null ? {} : { within: caller.artifact };
    const query = { after: this.#last, limit: PAGE, ...within };
    const { rows, head } = await service.read(caller, (reader) => reader.read(query));
    for (const row of rows) if (!this.#isFull) this.#write(row);
    if (rows.length === PAGE || (rows.at(-1)?.sequence_number ?? this.#last) > this.#last) return null;
    const end = (head?.size ?? 0) - 1;
    // A client may name an entry that is not there yet. It gets what comes after that, and the others what comes before.
    this.#last = Math.max(this.#last, end);
    return end;
  }

  get #isFull(): boolean {
    return this.#response.writableLength > MAX_WAITING_BYTES;
  }

  #maySee(names: readonly string[], { grants }: State): boolean {
    const { artifact } = this.#follower.caller;
    if (artifact === null) return true;
    return names.some((name) => {
      const grant = grants.get(name);
      return grant !== undefined && isWithin(grant, artifact);
    });
  }

  #write({ sequence_number, entry }: Row): void {
    this.#last = sequence_number;
    this.#send(`id: ${sequence_number}\ndata: ${entry}\n\n`);
  }

  #send(text: string): void {
    // What is written after the end is an error that nobody catches.
    if (!this.isClosed) this.#response.write(text);
  }
}
