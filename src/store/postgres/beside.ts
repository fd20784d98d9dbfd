/** A connection of its own for what a database keeps beside a chain. */
import { addressOf } from './address.ts';
import { chainOf, greet } from './greet.ts';
import { Link } from './link.ts';

export interface BesideOptions {
  readonly url: string;
  /** Name of the authority. */
  readonly chain: string;
  /** Milliseconds to wait for anything; 1,500 when absent. */
  readonly patience?: number;
}

export interface Beside {
  readonly link: Link;
  /** Number of the chain on this connection, once there is one. */
  readonly chain: () => number;
}

export function beside({ url, chain, patience = 1500 }: BesideOptions): Beside {
  let number = 0;
  const link = new Link({
    address: addressOf(url),
    patience,
    greet: async (session) => {
      await greet(session, { lock: patience, standstill: patience, known: true });
      number = await chainOf(session, chain);
    },
  });
  return { link, chain: () => number };
}
