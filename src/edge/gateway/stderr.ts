/** What an upstream writes on stderr, line by line under its name, as long as it does not drown everything else. */
import { readLines } from '../../base/lines.ts';
import { Allowance } from './allowance.ts';

const MAX_LINE = 8 * 1024;
const BURST_BYTES = 256 * 1024;
const BYTES_PER_SECOND = 64 * 1024;

/** Takes chunks; `write` gets whole lines with their newline. */
export function prefixed(name: string, write: (text: string) => void): (chunk: Buffer) => void {
  const allowance = new Allowance(BURST_BYTES, BYTES_PER_SECOND, performance.now());
  let left = 0;
  const say = (text: string) => write(`[${name}] ${text}\n`);
  const lines = readLines(MAX_LINE, {
    line(bytes) {
      if (!allowance.take(bytes.length + 1, performance.now())) {
        left += 1;
        return;
      }
      if (left > 0) say(`(${left} lines left out)`);
      left = 0;
      say(bytes.toString().trimEnd());
    },
    tooLong() {
      left += 1;
    },
  });
  return (chunk) => lines.push(chunk);
}
