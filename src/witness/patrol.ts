/**
 * Shows new checkpoints to the witnesses while a process lives. No call waits for it, and nothing that goes wrong here
 * makes one fail. Every process of a data directory does so by itself: who comes second finds the cosignature in the file.
 */
import type { Trouble } from '../evidence/witness.ts';
import { ask, headOf, type World } from './ask.ts';
import type { Witness } from './book.ts';

/** How often the head is looked at, in milliseconds: all that was written in between shares one cosignature. */
const PERIOD = 5_000;
/** The longest wait after failures, in milliseconds. */
const LONGEST = 600_000;

export interface PatrolOptions {
  /** Milliseconds; 5,000 when absent. */
  readonly period?: number;
  /** One line for the operator, when something has changed. */
  readonly report: (line: string) => void;
}

export interface Patrol {
  /** Looks now. Resolves when every witness that was due has answered. */
  look(): Promise<void>;
  /** Ends what runs. */
  close(): Promise<void>;
}

interface Round {
  busy: boolean;
  failures: number;
  /** Milliseconds since the epoch before which it is not asked again. */
  resting: number;
  code: string | null;
  /** It has cosigned for this process: a backup that was restored before it began would have been noticed. */
  known: boolean;
}

export function patrol(world: World, { period = PERIOD, report }: PatrolOptions): Patrol {
  const rounds = new Map<string, Round>();
  const closing = new AbortController();
  const running = new Set<Promise<void>>();
  let silent = false;

  const roundOf = ({ url, key }: Witness): Round => {
    const name = `${url} ${key}`;
    const round = rounds.get(name) ?? { busy: false, failures: 0, resting: 0, code: null, known: false };
    rounds.set(name, round);
    return round;
  };

  async function look(): Promise<void> {
    const witnesses = await world.book.witnesses();
    const head = witnesses.length === 0 ? null : await headOf(world.chain);
    const now = world.clock();
    silent = false;
    if (!head || closing.signal.aborted) return;
    const due = witnesses.filter((witness) => !roundOf(witness).busy && roundOf(witness).resting <= now);
    await Promise.all(
      due.map(async (witness) => {
        const round = roundOf(witness);
        round.busy = true;
        try {
          settle(witness, round, await ask(world, witness, head, { fresh: !round.known, signal: closing.signal }));
        } catch (error) {
          failed(round);
          throw error;
        } finally {
          round.busy = false;
        }
      }),
    );
  }

  function failed(round: Round): void {
    round.failures += 1;
    round.resting = world.clock() + Math.min(LONGEST, period * 2 ** Math.min(round.failures, 20));
  }

  function settle({ url }: Witness, round: Round, outcome: object | Trouble): void {
    if (closing.signal.aborted) return;
    const code = 'code' in outcome ? outcome.code : null;
    if (code !== null && 'message' in outcome) {
      failed(round);
      if (code !== round.code) report(`Witness ${url}: ${outcome.message}`);
    } else {
      round.known = true;
      round.failures = 0;
      round.resting = 0;
      if (round.code !== null) report(`Witness ${url} cosigns again.`);
    }
    round.code = code;
  }

  /** What fails here (a file nobody can read, a database away) is said once, and tried again. */
  const looked = async (): Promise<void> => {
    try {
      await look();
    } catch (error) {
      if (!silent && !closing.signal.aborted) report(`Witnesses were not asked: ${messageOf(error)}`);
      silent = true;
    }
  };
  const timer = setInterval(() => {
    const run = looked().finally(() => running.delete(run));
    running.add(run);
  }, period).unref();
  return {
    look: looked,
    async close() {
      clearInterval(timer);
      closing.abort();
      await Promise.all(running);
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 500);
