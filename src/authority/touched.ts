/** Whom an entry is about: by this it is found again. */
import type { Row } from '../ports.ts';
import { type Event, namesOf } from './event/index.ts';
import { lineage } from './grant.ts';
import type { State } from './state.ts';

/** To be asked when the event has had its effect: an artifact that it creates is one of them. */
export function touchedBy(event: Event, state: State): Pick<Row, 'names' | 'within'> {
  const names = namesOf(event);
  const within = new Set<string>();
  for (const name of names) {
    const grant = state.grants.get(name);
    if (grant) for (const { hash } of lineage(grant)) within.add(hash);
  }
  return { names, within: [...within] };
}
