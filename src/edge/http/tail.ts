/**
 * Follows the chain for all open event streams together: one query a turn, whatever their number.
 *
 * A stream first gets what it missed from the store, which knows whose entries are whose, and joins the others when it has
 * caught up. Who may see a new entry is then decided from the state.
 */
import type { ServerResponse } from 'node:http';
import { decodeEvent, namesOf } from '../../authority/event/index.ts';
import { halted, isWithin } from '../../authority/grant.ts';
import type { State } from '../../authority/state.ts';
import { Refusal } from '../../base/refusal.ts';
import { type Caller, operator } from '../../caller.ts';
import type { Entry } from '../../chain/entry.ts';
import type { Clock, Row } from '../../ports.ts';
import type { Service } from '../../service/service.ts';
import { HEADERS } from './reply.ts';

export interface Follower {
  readonly caller: Caller;
  /** Milliseconds since the epoch at which the caller's session ends; null where it does not. */
  readonly until: number | null;
  /** Sequence number of the last entry that it has. */
  readonly after: number;
}

export interface Tail {
  /** Streams entries until the client goes or the caller's authority ends. */
  open(follower: Follower, response: ServerResponse): Promise<void>;
  /** Ends all streams. */
  close(): void;
}

interface Stream {
  readonly caller: Caller;
  readonly until: number | null;
  readonly response: ServerResponse;
  last: number;
}

const POLL_MS = 200;
const PING_MS = 15_000;
const PAGE = 500;
/** A client that reads slower than this piles up is let go; it resumes with Last-Event-ID. */
const MAX_WAITING_BYTES = 4 << 20;

export function tailOf(service: Service, clock: Clock, report: (error: unknown) => void): Tail {
  const streams = new Set<Stream>();
  let timer: NodeJS.Timeout | undefined;
  let last = -1;
  let pinged = 0;
  let isLooking = false;
  let isLate = false;
  let isAway = false;
  let quiet: (() => void) | undefined;

  /** `end`: the last entry of the chain that it was shown. */
  function join(stream: Stream, end: number): void {
    streams.add(stream);
    if (streams.size === 1) last = end;
    timer ??= setTimeout(turn, POLL_MS);
    quiet ??= service.onNews(hurry);
  }

  /** Another process has appended: looked at now, or right after the look that may have come too early. */
  function hurry(): void {
    isLate = isLooking;
    if (isLooking || !timer) return;
    clearTimeout(timer);
    timer = setTimeout(turn, 0);
  }

  async function turn(): Promise<void> {
    isLooking = true;
    isLate = false;
    try {
      await poll();
      isAway = false;
    } catch (error) {
      // A database may be away for minutes: said once.
      if (!isAway) report(error);
      isAway = true;
    }
    isLooking = false;
    timer = streams.size > 0 ? setTimeout(turn, isLate ? 0 : POLL_MS) : undefined;
  }

  async function poll(): Promise<void> {
    for (let more = true; more; ) {
      const { rows, state } = await news(service, last);
      endOver(state);
      for (const row of rows) {
        const names = namesIn(row);
        for (const stream of streams)
          if (row.sequence_number > stream.last && maySee(stream, names, state)) write(stream, row);
        last = row.sequence_number;
      }
      more = rows.length === PAGE;
    }
    if (clock() - pinged < PING_MS) return;
    pinged = clock();
    for (const { response } of streams) response.write(': here\n\n');
  }

  function endOver(state: State): void {
    const now = clock();
    for (const stream of streams) if (isOver(stream, state, now)) leave(stream);
  }

  function leave(stream: Stream): void {
    streams.delete(stream);
    stream.response.end();
  }

  function write(stream: Stream, { sequence_number, entry }: Row): void {
    if (isClosed(stream)) return;
    stream.last = sequence_number;
    stream.response.write(`id: ${sequence_number}\ndata: ${entry}\n\n`);
    if (stream.response.writableLength > MAX_WAITING_BYTES) leave(stream);
  }

  /** From the store, page by page, until nothing that the others have is missing. */
  async function catchUp(stream: Stream): Promise<void> {
    for (;;) {
      const { artifact } = stream.caller;
      const query = { after: stream.last, limit: PAGE, ...(artifact !== null && { within: artifact }) };
      const { rows, head } = await service.read(stream.caller, (reader) => reader.read(query));
      for (const row of rows) {
        write(stream, row);
        // A page of large entries is more than may pile up.
        if (stream.response.writableNeedDrain) await drained(stream.response);
      }
      if (isClosed(stream)) return;
      if (rows.length < PAGE) {
        // A client may name an entry that is not there yet. It gets what comes after that, and the others what comes before.
        const end = (head?.size ?? 0) - 1;
        stream.last = Math.max(stream.last, end);
        if (streams.size === 0 || stream.last >= last) return join(stream, end);
      }
    }
  }

  return {
    async open({ after, caller, until }, response) {
      const stream = { caller, until, response, last: after };
      response.once('close', () => streams.delete(stream));
      response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
      response.write(': here\n\n');
      await catchUp(stream).catch((error: unknown) => {
        if (!(error instanceof Refusal)) report(error);
        leave(stream);
      });
    },
    close() {
      clearTimeout(timer);
      quiet?.();
      for (const stream of streams) leave(stream);
    },
  };
}

/** What came after `last`, and a state that has seen at least that. */
async function news(service: Service, last: number): Promise<{ rows: readonly Row[]; state: State }> {
  const caller = operator();
  const { rows } = await service.read(caller, (reader) => reader.read({ after: last, limit: PAGE }));
  const state = await service.askAnyone<State>({
    name: 'tail',
    caller,
    writes: false,
    decide: (context) => ({ answer: context.state }),
  });
  return { rows, state };
}

/** The artifacts that an entry of ours names. */
const namesIn = ({ entry }: Row): readonly string[] => namesOf(decodeEvent((JSON.parse(entry) as Entry).event));

function maySee({ caller: { artifact } }: Stream, names: readonly string[], state: State): boolean {
  if (artifact === null) return true;
  return names.some((name) => {
    const grant = state.grants.get(name);
    return grant !== undefined && isWithin(grant, artifact);
  });
}

function isOver({ caller: { artifact }, until }: Stream, state: State, now: number): boolean {
  if (artifact === null) return false;
  const grant = state.grants.get(artifact);
  return grant === undefined || halted(grant, now) !== null || (until !== null && until <= now);
}

const isClosed = ({ response }: Stream): boolean => response.destroyed || response.writableEnded;

/** Or it is gone. */
const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
