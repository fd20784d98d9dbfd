import { toDidKey } from '../../../src/base/did-key.ts';
import type { Report } from '../../../src/evidence/verify.ts';
import { KEYS } from '../../kernel.ts';

export const TRUST = toDidKey(KEYS.authority.publicKey);
export const GATEWAY = toDidKey(KEYS.log.publicKey);

/** What is given to the verifier beside the file. */
export interface Asked {
  readonly trust?: string;
  readonly log_key?: string;
  /** UTC. */
  readonly at?: string;
  readonly witnesses?: { readonly keys: readonly string[]; readonly quorum: number };
  readonly arguments?: readonly { readonly [name: string]: unknown }[];
}

/** Findings as `place rule`: a sequence number (of a receipt, its place), or `*` for the whole. */
export interface Expected {
  readonly integrity?: readonly string[];
  readonly containment?: readonly string[];
  readonly conduct?: readonly string[];
}

export interface Case {
  readonly name: string;
  /** What somebody did, in one sentence. */
  readonly about: string;
  readonly bytes: string | Uint8Array;
  readonly asked?: Asked;
  /** Nothing: the evidence is good. */
  readonly expected?: Expected;
}

export const told = (verdict: Report['integrity']): string[] =>
  verdict.findings.map(({ sequence_number, rule }) => `${sequence_number ?? '*'} ${rule}`);

/** What is expected of a document that cannot be read. */
export const unreadable = (...integrity: string[]): Expected => ({
  integrity,
  containment: ['* not_judged'],
  conduct: ['* not_judged'],
});
