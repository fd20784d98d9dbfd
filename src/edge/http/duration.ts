/**
 * Durations as Go writes them (`time.ParseDuration`): numbers with units, such as `90s`, `1h30m` or `1.5h`. No sign here:
 * a lifetime goes forward.
 */
const UNITS: { readonly [unit: string]: bigint } = {
  ns: 1n,
  us: 1000n,
  // U+00B5 and U+03BC, the two spellings of micro.
  '\u00b5s': 1000n,
  '\u03bcs': 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const PART = /(?:(\d+)(?:\.(\d*))?|\.(\d+))(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/gy;
/** What a Go duration can hold, in nanoseconds. */
const MOST = 2n ** 63n - 1n;
/** Longer texts are no duration that anybody means. */
const MOST_CHARACTERS = 64;

/** Milliseconds, fractions cut off; undefined where the text is no duration, or more than the type holds. */
export function parseDuration(text: string): number | undefined {
  if (text.length > MOST_CHARACTERS) return undefined;
  let sum = 0n;
  let end = 0;
  for (const [part, whole = '0', fraction, bare, unit = ''] of text.matchAll(PART)) {
    sum += nanoseconds(whole, fraction ?? bare ?? '', UNITS[unit]!);
    end += part.length;
  }
  if (end === 0 || end !== text.length || sum > MOST) return undefined;
  return Number(sum / 1_000_000n);
}

const nanoseconds = (whole: string, fraction: string, unit: bigint): bigint =>
  BigInt(whole) * unit + (BigInt(fraction || '0') * unit) / 10n ** BigInt(fraction.length);

/** Whole seconds in the shortest form that reads back as the same: `90` is `1m30s`. */
export function formatDuration(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  return (
    parts
      .filter(([amount]) => amount > 0)
      .map((part) => part.join(''))
      .join('') || '0s'
  );
}
