/** All that a state holds as plain data, whatever members it has: two states that look alike are alike. */
import type { Grant } from '../../src/authority/grant.ts';
import type { State } from '../../src/authority/state.ts';

export type Portrait = { readonly [member: string]: unknown };

export function portrait(state: State): Portrait {
  return Object.fromEntries(Object.entries(state).map(([name, value]) => [name, plain(value)]));
}

function plain(value: unknown): unknown {
  if (value instanceof Map) return [...value].map(([key, item]) => [key, plain(item)]).sort();
  if (value instanceof Set) return [...value].map(plain).sort();
  return isGrant(value) ? ofGrant(value) : value;
}

/** Relatives by their hashes, or a portrait would have no end. */
function ofGrant(grant: Grant): Portrait {
  const children = [...(grant.children ?? [])].map(({ hash }) => hash).sort();
  return {
    ...structuredClone({ ...grant, parent: null, children: null }),
    parent: grant.parent?.hash ?? null,
    children,
  };
}

const isGrant = (value: unknown): value is Grant =>
  typeof value === 'object' && value !== null && 'liveChildren' in value && 'hash' in value;
