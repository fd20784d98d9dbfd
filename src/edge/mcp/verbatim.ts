/**
 * The answer to a request with the text that its result was written in.
 *
 * What `JSON.parse` makes of `20.0` or of 9007199254740993 is another number, and writing a large result anew takes longer
 * than all else of a call. So a result that is handed on as it came is handed on in its own words.
 */
const texts = new WeakMap<object, string>();

interface Shape {
  readonly head: RegExp;
  readonly tail: RegExp;
}

/** The two orders in which implementations write the members of an answer; any other is read, and not remembered. */
const SHAPES: readonly Shape[] = [
  { head: /^\s*\{\s*"jsonrpc"\s*:\s*"2\.0"\s*,\s*"id"\s*:\s*(\d{1,15})\s*,\s*"result"\s*:/, tail: /()\}\s*$/ },
  {
    head: /^\s*\{\s*"result"\s*:/,
    tail: /,\s*"jsonrpc"\s*:\s*"2\.0"\s*,\s*"id"\s*:\s*(\d{1,15})\s*\}\s*$/,
  },
];
/** Enough for what follows a result. */
const TAIL = 128;

/** `JSON.parse` of one message. */
export function readMessage(line: string): unknown {
  const end = line.slice(-TAIL);
  for (const { head, tail } of SHAPES) {
    const [first, last] = [head.exec(line), tail.exec(end)];
    if (!first || !last) continue;
    const text = line.slice(first[0].length, line.length - last[0].length);
    const result = parsed(text);
    if (typeof result !== 'object' || result === null) continue;
    // Some clients end a line there, and would take what follows for a message of its own.
    if (!text.includes('\r')) texts.set(result, text);
    return { jsonrpc: '2.0', id: Number(first[1] ?? last[1]), result };
  }
  return JSON.parse(line);
}

/** `JSON.stringify` of one message, with the own words of its result where they are known. */
export function writeMessage(message: { readonly result?: unknown }): string {
  const { result, ...rest } = message;
  const text = typeof result === 'object' && result !== null ? texts.get(result) : undefined;
  return text === undefined ? JSON.stringify(message) : `${JSON.stringify(rest).slice(0, -1)},"result":${text}}`;
}

/** That it is one value shows that nothing else stands between the head and the tail; undefined where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
