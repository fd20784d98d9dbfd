/**
 * Files and entry bundles as C2SP tlog-tiles has them: 256 hashes or entries to a file, each entry with its length in front
 * as big-endian uint16, at `tile/entries/x001/x234/067`, three digits an element and an `x` before all but the last.
 */
export const BUNDLE = 256;

/** Path below the log's prefix; `level` is `entries` or that of a tile of hashes, and a `width` below 256 makes it a partial one. */
export function tilePath(level: number | 'entries', index: number, width: number = BUNDLE): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0');
  const parts = digits.match(/\d{3}/g) ?? [];
  const place = parts.map((part, i) => (i < parts.length - 1 ? `x${part}` : part)).join('/');
  return `tile/${level}/${place}${width < BUNDLE ? `.p/${width}` : ''}`;
}

/** Undefined where an entry is longer than its length can say. */
export function bundleOf(entries: readonly string[]): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  for (const text of entries) {
    const bytes = encoder.encode(text);
    if (bytes.length > 0xffff) return undefined;
    parts.push(Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes);
  }
  return joined(parts);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const encoder = new TextEncoder();

/** The entries of a bundle, as bytes; undefined where it is cut or has something behind its last entry. */
export function entriesOf(bundle: Uint8Array): Uint8Array[] | undefined {
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bundle.length; ) {
    const [high, low] = [bundle[at], bundle[at + 1]];
    if (high === undefined || low === undefined) return undefined;
    const end = at + 2 + high * 256 + low;
    if (end > bundle.length) return undefined;
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  return entries.length > BUNDLE ? undefined : entries;
}
