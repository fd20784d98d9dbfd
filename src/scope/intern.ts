/**
 * Equal scopes share one object, and with it the compiled matchers that hang on its lists: fifty thousand artifacts
 * with the same scope keep one. The table holds scopes weakly; a scope that no artifact uses any more leaves it.
 */
import { canonicalize } from '../base/canonical.ts';

const known = new Map<string, WeakRef<object>>();
const shared = new WeakSet<object>();
const left = new FinalizationRegistry<string>((text) => {
  // An equal scope may have taken the place meanwhile.
  if (!known.get(text)?.deref()) known.delete(text);
});

/** The one frozen object that stands for all scopes with the same RFC 8785 form; `form` is that form where it is at hand. */
export function internValue<T extends object>(value: T, form?: string): T {
  if (shared.has(value)) return value;
  const text = form ?? canonicalize(value);
  const before = knownValue<T>(text);
  if (before) return before;
  freeze(value);
  known.set(text, new WeakRef(value));
  shared.add(value);
  left.register(value, text);
  return value;
}

/** The value with this RFC 8785 form, where it is interned already. */
export function knownValue<T extends object>(text: string): T | undefined {
  // A cast: equal text is an equal value, and only values of one type are interned here.
  return known.get(text)?.deref() as T | undefined;
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
}
