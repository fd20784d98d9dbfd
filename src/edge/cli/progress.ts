/**
 * What is done of something that takes long: a bar on a terminal, a line now and then anywhere else.
 *
 * The bar is only drawn. It does not listen for keys, so that an interruption ends the program as it ends any other, with
 * the exit code that says so.
 */
import type { Side, Terminal } from './terminal.ts';

/** What is done faster than a person wonders needs no bar. */
const LONG = 5_000;
/** Between two lines, and before the first of them, in milliseconds; a bar moves more often. */
const PAUSE = 5_000;
const FRAME = 100;

export interface Progress {
  /** Done so far, and how much there is. */
  watch(done: number, total: number): void;
  stop(): void;
}

export const progress = ({ err }: Terminal, what: string): Progress => (err.tty ? bar(err, what) : lines(err, what));

const CELLS = 30;
const BACK = '\r\u001b[2K';

function bar({ paint, width }: Side, what: string): Progress {
  let last = Number.NEGATIVE_INFINITY;
  return {
    watch(done, total) {
      if (total < LONG || (performance.now() - last < FRAME && done < total)) return;
      last = performance.now();
      const full = Math.min(CELLS, Math.floor((done / total) * CELLS));
      const drawn = `${paint('magenta', '━'.repeat(full))}${paint('dim', '━'.repeat(CELLS - full))}`;
      // Too long a line would leave its first part behind.
      process.stderr.write(
        `${BACK}${drawn} ${`${what}: ${done} of ${total}`.slice(0, Math.max(0, width - CELLS - 2))}`,
      );
    },
    stop() {
      if (last > 0) process.stderr.write(BACK);
    },
  };
}

function lines({ line }: Side, what: string): Progress {
  let last = performance.now();
  return {
    watch(done, total) {
      if (performance.now() - last < PAUSE) return;
      last = performance.now();
      line(`${what}: ${done} of ${total}`);
    },
    stop: () => undefined,
  };
}
