/** Random bytes, fetched in large portions: asking the system costs far more than the bytes. */
import { randomFillSync } from 'node:crypto';

const PORTION = 4096;

export function randomSource(): (length: number) => Uint8Array {
  const portion = new Uint8Array(PORTION);
  let used = PORTION;
  return (length) => {
    if (length > PORTION) return randomFillSync(new Uint8Array(length));
    if (used + length > PORTION) {
      randomFillSync(portion);
      used = 0;
    }
    used += length;
    const drawn = portion.slice(used - length, used);
    // What was handed out must not stay in memory.
    portion.fill(0, used - length, used);
    return drawn;
  };
}
