/** A bar on the terminal while something takes long; nothing at all anywhere else. */
import { progress as clackBar } from '@clack/prompts';
import type { Terminal } from './terminal.ts';

/** What is done faster than a person wonders needs no bar. */
const LONG = 5_000;

export interface Progress {
  /** Done so far, and how much there is. */
  watch(done: number, total: number): void;
  stop(): void;
}

export function progress({ err }: Terminal, what: string): Progress {
  if (!err.tty) return { watch: () => undefined, stop: () => undefined };
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
