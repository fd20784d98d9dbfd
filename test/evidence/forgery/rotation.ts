/** The log goes over to other keys: as its authority does it, and as whoever has only the log's key would like to. */

import { signer } from '#ed25519';
import { proposeRotation, type Rotation, rotationBytes } from '../../../src/authority/event/log-key.ts';
import { toBase64url, toHex } from '../../../src/base/encoding.ts';
import { signCheckpoint, verifierKey } from '../../../src/chain/checkpoint.ts';
import { type ChainEvent, type Entry, sealEntry, ZERO_HASH } from '../../../src/chain/entry.ts';
import { rootOf } from '../../../src/chain/proof.ts';
import { leafHash } from '../../../src/chain/tree.ts';
import { type Contents, type Subject, seal } from '../../../src/evidence/bundle.ts';
import { multiproof } from '../../../src/evidence/multiproof.ts';
import type { Signer } from '../../../src/ports.ts';
import { nodesOf } from '../../chain/nodes.ts';
import { KEYS, ORIGIN, seed } from '../../kernel.ts';
import type { Scene } from '../scene.ts';
import { type Case, TRUST } from './case.ts';
import { timeOf } from './chain.ts';

export const [K0, K1, K2] = [KEYS.log, signer(seed('next log')), signer(seed('log after next'))];
export const vkey = (key: Signer, name = ORIGIN): string => verifierKey(name, key.publicKey);

interface Place {
  readonly sequence: number;
  readonly previousHash: string;
}
/** An entry that was, or an event that is made for its place. */
export type Step = Entry | ((place: Place) => object);

/** Entries in their places, each linked to the one before. */
export function linked(steps: readonly Step[]): Entry[] {
  let [previous_hash, time] = [ZERO_HASH, ''];
  return steps.map((step, sequence_number) => {
    const made =
      typeof step === 'function' ? step({ sequence: sequence_number, previousHash: previous_hash }) : step.event;
    const event = made as ChainEvent; // forged ones too are objects with a kind
    time = typeof step === 'function' ? time : step.timestamp;
    const entry: Entry = {
      type: 'aga-entry/v1',
      chain: ORIGIN,
      sequence_number,
      timestamp: time,
      previous_hash,
      event,
    };
    previous_hash = toHex(sealEntry(entry).hash);
    return entry;
  });
}

const change = (to: Signer, from: Signer, name = ORIGIN) => ({
  log_key: vkey(to, name),
  previous_log_key: vkey(from, name),
  reason: 'yearly',
});

/** A change of keys; signed by the authority and the new key where nothing else is said. */
export const turn =
  (to: Signer, from: Signer, by: { authority?: Signer; next?: Signer; name?: string; at?: Place } = {}) =>
  (place: Place): Rotation =>
    proposeRotation(change(to, from, by.name), by.at ?? place, by.authority ?? KEYS.authority, by.next ?? to);

interface Made {
  /** Numbers of the entries that are in the bundle; all when absent. */
  readonly only?: readonly number[];
  readonly subject?: Subject;
  readonly lineage?: readonly string[];
  /** Who signs the checkpoint, each with a line. */
  readonly heads?: readonly [Signer, ...Signer[]];
  readonly sealer?: Signer;
  /** Claimed as the log's. */
  readonly claimed?: Signer;
}

/** A bundle over such a chain, signed throughout by `key` where nothing else is said. */
export function bundled(entries: readonly Entry[], key: Signer, made: Made = {}): string {
  const { only = entries.map((_, i) => i), heads = [key], sealer = heads[0], claimed = sealer, lineage = [] } = made;
  const texts = entries.map((entry) => sealEntry(entry).text);
  const nodes = nodesOf(texts.map((text) => leafHash(text)));
  const contents: Contents = {
    subject: made.subject ?? { first: 0, last: entries.length - 1 },
    keys: { authority: TRUST, log: vkey(claimed) },
    lineage,
    entries: only.map((number) => texts[number]!),
    proof: multiproof(nodes, only, entries.length).map(toHex),
    checkpoint: signCheckpoint(ORIGIN, entries.length, rootOf(nodes, 0, entries.length), ...heads),
  };
  return seal(contents, sealer, timeOf(entries.at(-1)!));
}

/** The scene's entries; the rotation stands at 3, between the making of `boss` and `lead` and all that they do. */
export function rotationForgeries({ boss, lead, helper }: Scene, entries: readonly Entry[]): Case[] {
  const [before, after] = [entries.slice(0, 3), entries.slice(3)];
  const rotated = (...steps: Step[]): Entry[] => linked([...before, ...steps, ...after]);
  const honest = rotated(turn(K1, K0));
  const twice = rotated(turn(K1, K0), turn(K2, K1));
  // About `helper`: its lineage and its own entries, behind the rotation by one.
  const helpers = { subject: { artifact_hash: helper }, lineage: [boss, lead, helper] };
  const withTurn = [0, 1, 2, 3, 4, 7, 22, 23];
  const good = bundled(honest, K1);
  const never = linked(before);
  return [
    { name: 'good-rotated', about: 'The log went over to another key.', bytes: good },
    {
      name: 'good-rotated-first-key-pinned',
      about: 'Twice; the judge knows the first key.',
      bytes: bundled(twice, K2),
      asked: { log_key: vkey(K0) },
    },
    {
      name: 'good-rotated-last-key-pinned',
      about: 'Twice; the judge knows the last key.',
      bytes: bundled(twice, K2),
      asked: { log_key: vkey(K2) },
    },
    {
      name: 'good-rotated-helper',
      about: 'An artifact, on a log that went over to another key.',
      bytes: bundled(honest, K1, { ...helpers, only: withTurn }),
    },
    {
      name: 'good-rotated-run',
      about:
        'A run of entries that ends before the rotation; the rotation is there, as the head is signed by the new key.',
      bytes: bundled(honest, K1, { subject: { first: 0, last: 2 }, only: [0, 1, 2, 3] }),
    },
    {
      name: 'good-handover',
      about: 'The checkpoint of the rotation itself: both keys have signed it.',
      bytes: bundled(honest.slice(0, 4), K1, { heads: [K1, K0] }),
    },
    {
      name: 'good-before-rotation',
      about: 'Sealed by the first key, before it was replaced.',
      bytes: bundled(never, K0),
    },
    {
      name: 'rotated-without-the-authority',
      about: 'Who has only the log key names a key of his own.',
      bytes: bundled(rotated(turn(K1, K0, { authority: K0 })), K1),
      expected: { integrity: ['3 rotation', '* keys', '* checkpoint', '* seal'] },
    },
    {
      name: 'rotated-by-a-holder',
      about: 'The key that an artifact is held by signs the rotation.',
      bytes: bundled(rotated(turn(K1, K0, { authority: signer(seed('holder of lead')) })), K1),
      expected: { integrity: ['3 rotation', '* keys', '* checkpoint', '* seal'] },
    },
    {
      name: 'rotated-without-the-new-key',
      about: 'Nobody shows to have the new key.',
      bytes: bundled(rotated(turn(K1, K0, { next: K0 })), K1),
      expected: { integrity: ['3 rotation', '* keys', '* checkpoint', '* seal'] },
    },
    {
      name: 'rotation-of-another-log',
      about: "The authority's rotation of another log of its own is replayed.",
      bytes: bundled(rotated(turn(K1, K0, { name: 'aga-delegate/other' })), K1),
      expected: { integrity: ['3 rotation', '* keys', '* checkpoint', '* seal'] },
    },
    {
      name: 'rotation-moved',
      about: 'The rotation stands one entry later than where the authority signed it.',
      bytes: bundled(
        linked([
          ...before,
          after[0]!,
          turn(K1, K0, { at: { sequence: 3, previousHash: honest[3]!.previous_hash } }),
          ...after.slice(1),
        ]),
        K1,
      ),
      expected: { integrity: ['4 rotation', '* keys', '* checkpoint', '* seal'] },
    },
    {
      name: 'rotation-behind-another-history',
      about: 'What the first key signed before the rotation is rewritten; the authority had signed for what was there.',
      bytes: bundled(
        linked([
          ...before.slice(0, 2),
          { ...before[2]!, timestamp: before[1]!.timestamp },
          turn(K1, K0, { at: { sequence: 3, previousHash: honest[3]!.previous_hash } }),
          ...after,
        ]),
        K1,
      ),
      expected: { integrity: ['3 rotation', '* keys', '* checkpoint', '* seal'] },
    },
    {
      name: 'former-key-signs-on',
      about: 'The first key signs and seals what it was replaced in.',
      bytes: bundled(honest, K0),
      expected: { integrity: ['* keys', '* checkpoint', '* seal'] },
    },
    {
      name: 'former-key-signs-the-head',
      about: 'The checkpoint behind the rotation is signed by the first key, the seal by the new one.',
      bytes: bundled(honest, K1, { heads: [K0], sealer: K1 }),
      expected: { integrity: ['* checkpoint'] },
    },
    {
      name: 'former-key-seals',
      about: 'The checkpoint is signed by the new key, the seal by the first one.',
      bytes: bundled(honest, K1, { sealer: K0, claimed: K1 }),
      expected: { integrity: ['* seal'] },
    },
    {
      name: 'former-key-claimed',
      about: "Everything is signed by the new key, and the first one is named as the log's.",
      bytes: bundled(honest, K1, { claimed: K0 }),
      expected: { integrity: ['* keys'] },
    },
    {
      name: 'rotation-removed',
      about: 'The rotation is left out of the bundle of an artifact, and the proof made to fit.',
      bytes: bundled(honest, K1, { ...helpers, only: withTurn.filter((number) => number !== 3) }),
      expected: { integrity: ['* keys', '* checkpoint', '* seal'] },
    },
    {
      name: 'rotation-hidden-by-the-former-key',
      about: 'The same, signed and sealed by the first key. Who knows the new one is not deceived.',
      bytes: bundled(honest, K0, { ...helpers, only: withTurn.filter((number) => number !== 3) }),
      asked: { log_key: vkey(K1) },
      expected: { integrity: ['0 log_key'] },
    },
    {
      name: 'ends-before-the-pinned-key',
      about: 'A bundle that ends before the rotation, for a judge who knows the new key.',
      bytes: bundled(never, K0),
      asked: { log_key: vkey(K1) },
      expected: { integrity: ['0 log_key'] },
    },
    {
      name: 'rotations-exchanged',
      about: "Two rotations stand in each other's places, each signed for its own.",
      bytes: bundled(
        rotated(
          turn(K2, K1, { at: { sequence: 4, previousHash: twice[4]!.previous_hash } }),
          turn(K1, K0, { at: { sequence: 3, previousHash: twice[3]!.previous_hash } }),
        ),
        K2,
      ),
      expected: { integrity: ['3 rotation', '4 rotation', '* keys', '* checkpoint', '* seal'] },
    },
    {
      name: 'rotated-back',
      about: 'The log goes back to a key that was replaced, and the authority has signed that.',
      bytes: bundled(rotated(turn(K1, K0), turn(K0, K1)), K0),
      expected: { integrity: ['4 rotation', '* keys', '* checkpoint', '* seal'] },
    },
    {
      name: 'rotated-from-another-key',
      about: "The rotation replaces a key that is not the log's.",
      bytes: bundled(rotated(turn(K1, K2)), K1),
      expected: { integrity: ['3 rotation', '* keys', '* checkpoint', '* seal'] },
    },
    {
      name: 'rotation-with-another-reason',
      about: 'Another reason than the one that was signed.',
      bytes: bundled(
        rotated((place) => ({ ...turn(K1, K0)(place), reason: 'none of yours' })),
        K1,
      ),
      expected: { integrity: ['3 rotation', '* keys', '* checkpoint', '* seal'] },
    },
    {
      name: 'rotation-signed-for-another-number',
      about: 'The authority has signed it for another number, behind the same entry.',
      bytes: bundled(
        rotated((place) => ({
          kind: 'LOG_KEY',
          ...change(K1, K0),
          signature: toBase64url(KEYS.authority.sign(rotationBytes(change(K1, K0), { ...place, sequence: 0 }))),
          possession: toBase64url(K1.sign(rotationBytes(change(K1, K0), place))),
        })),
        K1,
      ),
      expected: { integrity: ['3 rotation', '* keys', '* checkpoint', '* seal'] },
    },
    {
      name: 'rotation-with-a-member-more',
      about: 'The event has a member that nobody knows.',
      bytes: bundled(
        rotated((place) => ({ ...turn(K1, K0)(place), until: 'tomorrow' })),
        K1,
      ),
      expected: { integrity: ['3 event', '* keys', '* checkpoint', '* seal'] },
    },
  ];
}
