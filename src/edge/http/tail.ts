/**
 * Follows the chain for all open event streams together: one query a turn, whatever their number.
 *
 * A stream first gets what it missed from the store, which knows whose entries are whose, and joins the others when it has
 * caught up. Who may see a new entry is then decided from the state.
 */
import type { ServerResponse } from 'node:http';
import { decodeEvent, namesOf } from '../../authority/event/index.ts';
import type { State } from '../../authority/state.ts';
import { Refusal } from '../../base/refusal.ts';
import { operator } from '../../caller.ts';
import type { Entry } from '../../chain/entry.ts';
import type { Clock, Row } from '../../ports.ts';
import type { Service } from '../../service/service.ts';
import { type Follower, PAGE, Stream } from './stream.ts';

export interface Tail {
  /** Streams entries until the client goes or the caller's authority ends. */
  open(follower: Follower, response: ServerResponse): Promise<void>;
  /** Ends all streams. */
  close(): void;
}

const POLL_MS = 200;
const PING_MS = 15_000;

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
        for (const stream of streams) stream.show(row, names, state);
        last = row.sequence_number;
      }
      more = rows.length === PAGE;
    }
    if (clock() - pinged < PING_MS) return;
    pinged = clock();
    for (const stream of streams) stream.ping();
  }

  function endOver(state: State): void {
    const now = clock();
    for (const stream of streams) if (stream.isOver(state, now)) leave(stream);
  }

  function leave(stream: Stream): void {
    streams.delete(stream);
    stream.end();
  }

  /** Until nothing that the others have is missing. */
  async function catchUp(stream: Stream): Promise<void> {
    for (;;) {
      const end = await stream.catchUp(service);
      if (end === null || stream.isClosed) return;
      if (streams.size === 0 || stream.last >= last) return join(stream, end);
    }
  }

  return {
    async open(follower, response) {
      const stream = new Stream(follower, response);
      response.once('close', () => streams.delete(stream));
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
