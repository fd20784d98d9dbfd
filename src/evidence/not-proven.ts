/** The fourth line: what nobody should read into a bundle, even a good one. */
import { type Grant, lineage } from '../authority/grant.ts';
import type { Extent } from './belonging.ts';
import type { OpenedBundle } from './open.ts';
import type { Replayed } from './replay.ts';

export interface Proven {
  readonly bundle: OpenedBundle;
  /** Entries that the checkpoint covers. */
  readonly size: number;
  readonly complete: boolean;
  readonly extent: Extent;
  readonly replayed: Replayed;
  /** Witnesses that were asked for. */
  readonly quorum: number;
  /** Whether the key that the bundle ends with is the one that the judge knows as the log's. */
  readonly keyPinned: boolean;
}

export function notProven(proven: Proven): string[] {
  return [
    ...[completeness(proven), siblings(proven), ...unjudged(proven), witnesses(proven), succession(proven)].filter(
      (line) => line !== null,
    ),
    `What happened after ${proven.bundle.seal.time}, when the bundle was sealed.`,
    "That the timestamps are right: they are the log's own clock.",
    'That permitted calls had the effect, or any effect, that was asked for.',
    'That nothing was done past the gateway or the enforcement points that write to this log.',
    "That nobody else had the authority's, the log's or a holder's key.",
  ];
}

function completeness({ bundle, size, complete }: Proven): string | null {
  if (complete) return null;
  const missing = size - bundle.survey.numbers.length;
  return `That nothing was left out: ${missing} of ${size} entries are not here, and that none of them concerns this subject is the word of the log's key.`;
}

/** What is shared with artifacts that a bundle about one of them does not hold. */
function siblings({ complete, extent, replayed, bundle }: Proven): string | null {
  if (complete) return null;
  const above = [...bundle.survey.creations.values()].flatMap(({ event: { sealed } }) =>
    extent.subtree.has(sealed.hash) ? [] : [sealed.artifact],
  );
  const held = [...replayed.state.grants.values()].filter(({ hash }) => extent.subtree.has(hash));
  const shared = [
    above.length > 0 ? 'max_children' : '',
    above.some(({ scope }) => Object.keys(scope.limits).length > 0) ? 'call limits' : '',
    above.some(({ scope }) => 'cost.budget' in scope.permissions) ? 'budgets' : '',
    held.some(hasHolder) ? 'keys banned elsewhere' : '',
  ].filter((word) => word !== '');
  if (shared.length === 0) return null;
  return `That what is shared with others was not used up or ended by them: ${shared.join(', ')}.`;
}

const hasHolder = (grant: Grant): boolean => lineage(grant).some(({ holder }) => holder !== null);

function unjudged({ replayed: { wanting } }: Proven): (string | null)[] {
  return [
    wanting.others === 0
      ? null
      : `That ${decisions(wanting.others)} in the name of an artifact above the subject went the right way: entries of others decide that.`,
    wanting.arguments === 0
      ? null
      : `That ${decisions(wanting.arguments)} about arguments or resources that are not on the chain went the right way; disclose the arguments to have them judged.`,
  ];
}

const decisions = (count: number): string => (count === 1 ? '1 decision' : `${count} decisions`);

function witnesses({ quorum }: Proven): string | null {
  return quorum > 0
    ? null
    : 'That everybody is shown the same log: no witness was asked for, so its owner could keep another one.';
}

/** A leaked former key can still seal a bundle that ends before its replacement; such a bundle looks valid. */
function succession({ keyPinned }: Proven): string | null {
  return keyPinned
    ? null
    : "That this is still the log's key: one that was replaced and has leaked can seal a bundle that ends before. Pin the present key, or ask for a freshness statement under it.";
}
