/** Something that takes for ever, with a bar. */
import { progress } from '../../../src/edge/cli/progress.ts';
import { terminalOf } from '../../../src/edge/cli/terminal.ts';

const bar = progress(terminalOf(process), 'Waiting');
let done = 0;
setInterval(() => {
  done += 1;
  bar.watch(Math.min(done, 9999), 10_000);
}, 1);
