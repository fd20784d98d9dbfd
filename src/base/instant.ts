/** Instants as text: UTC with milliseconds and `Z`, a profile of RFC 3339 in which every instant has one spelling. */
const SHAPE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** Milliseconds since 1970-01-01T00:00:00Z, or `undefined` where the text is not `YYYY-MM-DDTHH:mm:ss.sssZ` or names no real instant. */
export function parseInstant(text: string): number | undefined {
  if (!SHAPE.test(text)) return undefined;
  const ms = Date.parse(text);
  // `Date.parse` moves 30 February and 24:00 on to the next day; only a real instant comes back as it was written.
  return Number.isNaN(ms) || new Date(ms).toISOString() !== text ? undefined : ms;
}

/** @throws TypeError when the instant lies outside the years 0000 to 9999. */
export function formatInstant(ms: number): string {
  const date = new Date(ms);
  const text = Number.isNaN(date.getTime()) ? '' : date.toISOString();
  if (text.length !== 24) throw new TypeError(`not an instant that can be written: ${ms}`);
  return text;
}
