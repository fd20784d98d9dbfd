/** Answers about two scopes, found once: equal scopes are one object (`intern.ts`), and its answer never changes. */
import { excess, type Scope } from './scope.ts';

export function oncePerPair<T>(answer: (child: Scope, parent: Scope) => T): (child: Scope, parent: Scope) => T {
  const known = new WeakMap<Scope, WeakMap<Scope, { readonly answer: T }>>();
  return (child, parent) => {
    let beside = known.get(child);
    if (beside === undefined) {
      beside = new WeakMap();
      known.set(child, beside);
    }
    let found = beside.get(parent);
    if (found === undefined) {
      found = { answer: answer(child, parent) };
      beside.set(parent, found);
    }
    return found.answer;
  };
}

/** Whether `child` is contained in `parent` whatever stands above it; where not, its ancestors may still decide otherwise. */
export const isContained = oncePerPair((child, parent) => excess(child, parent).length === 0);
