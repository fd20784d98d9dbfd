/** The log's keys of a kernel, and how it goes over from one to another. */
import { signer } from '#ed25519';
import { proposeRotation, type Rotation } from '../src/authority/event/log-key.ts';
import { verifierKey } from '../src/chain/checkpoint.ts';
import type { Keys, Signer } from '../src/ports.ts';
import type { ChainPosition } from '../src/tools/tool.ts';
import { KEYS, type Kernel, ORIGIN, seed } from './kernel.ts';

export const nextKey = (name: string): Signer => signer(seed(`log ${name}`));
export const vkey = (key: Signer): string => verifierKey(ORIGIN, key.publicKey);

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Keys of a process that has these log keys at hand; more may be brought to `at hand` while it runs. */
export const keysWith = (log: Signer, atHand: readonly Signer[]): Keys => ({
  authority: KEYS.authority,
  log,
  successor: (publicKey) => atHand.find((key) => same(key.publicKey, publicKey)),
});

export interface Turn {
  readonly from: Signer;
  readonly to: Signer;
  /** Changes what was signed. */
  readonly forge?: (event: Rotation) => Rotation;
}

/** The operator lets the log go over to another key. Throws its refusal. */
export function rotate(
  { service, operator }: Kernel,
  { from, to, forge = (event) => event }: Turn,
): Promise<ChainPosition> {
  const change = { previous_log_key: vkey(from), log_key: vkey(to), reason: 'test' };
  return service.ask<ChainPosition>({
    name: 'rotate',
    caller: operator,
    writes: true,
    decide: ({ place, authority }) => ({
      event: forge(proposeRotation(change, place, authority, to)),
      tell: (_, { sequence_number, entry_hash }) => ({ sequence_number, entry_hash }),
    }),
  });
}
