/** Where in a JSON text a member name stands twice in one object: the strict parser only says that one does. */

/** Strings and what stands between values; the rest of a text that is valid is of no interest. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/** The name, and its line, counted from 1. `text` is known to be valid JSON. */
export function namedTwice(text: string): { readonly name: string; readonly line: number } | undefined {
  const open: Set<string>[] = [];
  let last = { text: '', at: 0 };
  for (const { 0: token, index: at } of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      const name: string = JSON.parse(last.text);
      if (open.at(-1)?.has(name)) return { name, line: text.slice(0, last.at).split('\n').length };
      open.at(-1)?.add(name);
    }
    last = { text: token, at };
  }
  return undefined;
}
