/** Medians, because single numbers on a shared machine say little. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it is held against, as a ratio, and the most or least that is wanted. */
  readonly ratio?: { readonly to: string; readonly value: number; readonly target?: string; readonly met?: boolean };
}

export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);

/** Milliseconds of each of `rounds` runs, after `warm` that do not count. */
export async function times(rounds: number, warm: number, run: () => unknown): Promise<number[]> {
  const samples: number[] = [];
  for (let round = -warm; round < rounds; round++) {
    const start = performance.now();
    await run();
    if (round >= 0) samples.push(performance.now() - start);
  }
  return samples;
}

export function print(figures: readonly Figure[]): void {
  const width = Math.max(...figures.map(({ name }) => name.length));
  for (const { name, value, unit, ratio } of figures) {
    const amount = `${format(value)} ${unit}`.padStart(14);
    const held = ratio
      ? `   ${format(ratio.value)} × ${ratio.to}${ratio.target ? `  (target ${ratio.target}: ${ratio.met ? 'met' : 'MISSED'})` : ''}`
      : '';
    process.stdout.write(`${name.padEnd(width)} ${amount}${held}\n`);
  }
}

const format = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(2) : value.toFixed(4);
