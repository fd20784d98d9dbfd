/** What is done of something that takes long: a bar on a terminal, a line now and then anywhere else. */
import { progress as clackBar } from '@clack/prompts';
import type { Terminal } from './terminal.ts';

/** What is done faster than a person wonders needs no bar. */
const LONG = 5_000;
/** Between two lines, and before the first of them, in milliseconds. */
const PAUSE = 5_000;

export interface Progress {
  /** Done so far, and how much there is. */
  watch(done: number, total: number): void;
  stop(): void;
}

export const progress = ({ err }: Terminal, what: string): Progress => (err.tty ? bar(what) : lines(err.line, what));

function bar(what: string): Progress {
  let bar: { readonly shown: ReturnType<typeof clackBar>; readonly at: number } | undefined;
  return {
    watch(done, total) {
      if (total < LONG) return;
      if (!bar) {
        bar = { shown: clackBar({ max: total, output: process.stderr }), at: 0 };
        bar.shown.start(what);
      }
      bar.shown.advance(done - bar.at, `${what}: ${done} of ${total}`);
      bar = { ...bar, at: done };
    },
    stop: () => bar?.shown.stop(what),
  };
}

function lines(line: (text: string) => void, what: string): Progress {
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
