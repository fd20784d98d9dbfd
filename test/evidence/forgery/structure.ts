/** Attacks on what stands in the document: entries cut, moved, mixed and exchanged, heads and seals of others. */

import { signer } from '#ed25519';
import { canonicalize } from '../../../src/base/canonical.ts';
import { toDidKey } from '../../../src/base/did-key.ts';
import { toHex } from '../../../src/base/encoding.ts';
import { formatInstant } from '../../../src/base/instant.ts';
import { signCheckpoint, verifierKey } from '../../../src/chain/checkpoint.ts';
import type { Entry } from '../../../src/chain/entry.ts';
import { rootOf } from '../../../src/chain/proof.ts';
import { leafHash } from '../../../src/chain/tree.ts';
import { multiproof } from '../../../src/evidence/multiproof.ts';
import { type Chain, entriesOf, rebuilt } from '../../authority/forge.ts';
import { nodesOf } from '../../chain/nodes.ts';
import { KEYS, ORIGIN, START, seed } from '../../kernel.ts';
import { cosign, witnessKey } from '../../witness/cosign.ts';
import { buildBundle } from '../build.ts';
import { type Readable, resealed } from '../reseal.ts';
import type { Scene } from '../scene.ts';
import type { Case } from './case.ts';
import { sourceOf, timeOf } from './chain.ts';

const STRANGER = signer(seed('stranger'));

/** The document with changes and its old seal. */
const changed = (text: string, change: (bundle: Readable) => object): string => canonicalize(change(JSON.parse(text)));

/** `chain` is the scene's; the bundle is about `helper`, which its parent revoked: entries 0, 1, 2, 3, 6, 21, 22 of 26. */
export async function structureForgeries({ helper, lead, worker, sibling }: Scene, chain: Chain): Promise<Case[]> {
  const source = sourceOf(chain);
  const entries = entriesOf(chain);
  const size = entries.length;
  const last = timeOf(entries.at(-1)!);
  const nodes = nodesOf(chain.rows.map(({ entry }) => leafHash(entry)));
  const bundleOf = async (hash: string, time = last): Promise<string> =>
    (await buildBundle(source, { artifact_hash: hash }, KEYS.log, time)).text;
  const [good, whole] = [await bundleOf(helper), await bundleOf(lead)];
  /** Some of the chain's entries, with the proof that fits them. */
  const some = (of: Readable, numbers: readonly number[]): Readable => ({
    ...of,
    entries: numbers.map((number) => entries[number]!),
    proof: multiproof(nodes, numbers, size).map(toHex),
  });
  const kept = (text: string, keep: (entry: Entry) => boolean): number[] =>
    (JSON.parse(text) as Readable).entries.filter(keep).map(({ sequence_number }) => sequence_number);
  const edited = (number: number, edit: (entry: Entry) => Entry) => (bundle: Readable) => ({
    ...bundle,
    entries: bundle.entries.map((entry) => (entry.sequence_number === number ? edit(entry) : entry)),
  });
  const event = (number: number, members: object) =>
    edited(number, (entry) => ({ ...entry, event: { ...entry.event, ...members } }));
  const theirs = rebuilt(entries, STRANGER, 'aga-delegate/stranger');
  const olderNodes = nodesOf(chain.rows.slice(0, 23).map(({ entry }) => leafHash(entry)));
  const older = signCheckpoint(ORIGIN, 23, rootOf(olderNodes, 0, 23), KEYS.log);
  const vkey = verifierKey(ORIGIN, KEYS.log.publicKey);
  const witnesses = ['w1', 'w2'].map((name) => ({ name: `${name}.example`, key: signer(seed(name)) }));
  const keys = witnesses.map(({ name, key }) => witnessKey(name, key.publicKey));
  const noteOf = (bundle: Readable): string => bundle.checkpoint.slice(0, bundle.checkpoint.indexOf('\n\n') + 1);
  const cosigned = (text: string, note: (bundle: Readable) => string, by = witnesses): string =>
    resealed(text, (bundle) => ({
      ...bundle,
      checkpoint: bundle.checkpoint + by.map(({ name, key }) => cosign(note(bundle), name, START / 1000, key)).join(''),
    }));
  return [
    { name: 'good-helper', about: 'An artifact that its parent revoked.', bytes: good },
    { name: 'good-lead', about: 'An artifact with a subtree.', bytes: whole },
    { name: 'good-pinned', about: 'The log key is pinned as well.', bytes: good, asked: { log_key: vkey } },
    {
      name: 'good-cosigned',
      about: 'Both witnesses cosigned.',
      bytes: cosigned(good, noteOf),
      asked: { witnesses: { keys, quorum: 2 } },
    },
    {
      name: 'good-older-head',
      about: 'A real checkpoint of a shorter chain, with the proof that belongs to it.',
      bytes: resealed(good, (bundle) => ({
        ...bundle,
        checkpoint: older,
        proof: multiproof(olderNodes, [0, 1, 2, 3, 6, 21, 22], 23).map(toHex),
      })),
    },
    {
      name: 'entry-removed',
      about: 'One entry is missing from the list.',
      bytes: changed(good, (bundle) => ({ ...bundle, entries: bundle.entries.toSpliced(5, 1) })),
      expected: { integrity: ['* root', '* seal'], conduct: ['22 refusal'] },
    },
    {
      name: 'revocation-hidden',
      about: 'The revocation is left out, and the proof made to fit: the artifact seems to live.',
      bytes: changed(good, (bundle) => some(bundle, [0, 1, 2, 3, 6])),
      expected: { integrity: ['* seal'] },
    },
    {
      name: 'tail-cut',
      about: 'The last entries are left out, and the proof made to fit.',
      bytes: changed(whole, (bundle) =>
        some(
          bundle,
          kept(whole, ({ sequence_number: n }) => n < 18),
        ),
      ),
      expected: { integrity: ['* seal'] },
    },
    {
      name: 'decision-hidden',
      about: 'One permitted call is left out, and the proof made to fit.',
      bytes: changed(whole, (bundle) =>
        some(
          bundle,
          kept(whole, ({ sequence_number: n }) => n !== 8),
        ),
      ),
      expected: { integrity: ['* seal'], conduct: ['25 refusal'] },
    },
    {
      name: 'entry-twice',
      about: 'An entry stands in the list twice.',
      bytes: changed(good, (bundle) => ({ ...bundle, entries: bundle.entries.toSpliced(6, 0, bundle.entries[5]!) })),
      expected: {
        integrity: ['21 sequence_number', '* seal'],
        conduct: ['21 law.ARTIFACT_REVOKED'].filter(() => false),
      },
    },
    {
      name: 'entries-exchanged',
      about: 'Two entries change places.',
      bytes: changed(good, (bundle) => ({
        ...bundle,
        entries: [...bundle.entries.slice(0, 5), bundle.entries[6], bundle.entries[5]],
      })),
      expected: { integrity: ['21 sequence_number', '21 timestamp', '* seal'], conduct: ['22 refusal'] },
    },
    {
      name: 'sibling-added',
      about: 'The log key seals the entries of a sibling into the bundle.',
      bytes: resealed(good, (bundle) => some(bundle, [0, 1, 2, 3, 4, 6, 7, 21, 22])),
      expected: { integrity: ['4 foreign_entry', '7 foreign_entry'] },
    },
    {
      name: 'parents-call-added',
      about: "The log key seals a call of the parent's into the bundle.",
      bytes: resealed(good, (bundle) => some(bundle, [0, 1, 2, 3, 6, 12, 21, 22])),
      expected: { integrity: ['12 foreign_entry'] },
    },
    {
      name: 'entry-of-another-chain',
      about: 'An entry comes from another chain.',
      bytes: changed(
        good,
        edited(22, () => entriesOf(theirs)[22] as Entry),
      ).replace(
        canonicalize(entriesOf(theirs)[22]),
        canonicalize({ ...entriesOf(theirs)[22], chain: 'aga-delegate/stranger' }),
      ),
      expected: { integrity: ['22 chain', '* root', '* seal'] },
    },
    {
      name: 'verdict-turned',
      about: 'A refusal becomes a permit.',
      bytes: changed(good, event(22, { verdict: 'permit', code: null, refused_by: null })),
      expected: { integrity: ['* root', '* seal'], conduct: ['22 law.ARTIFACT_REVOKED'] },
    },
    {
      name: 'reason-changed',
      about: 'The reason of the revocation is another one.',
      bytes: changed(good, event(21, { reason: 'misbehaved' })),
      expected: { integrity: ['22 previous_hash', '* root', '* seal'] },
    },
    {
      name: 'timestamp-changed',
      about: 'An entry is dated earlier.',
      bytes: changed(
        good,
        edited(22, (entry) => ({ ...entry, timestamp: formatInstant(START) })),
      ),
      expected: { integrity: ['22 timestamp', '* root', '* seal'] },
    },
    {
      name: 'number-changed',
      about: 'An entry has another number.',
      bytes: changed(
        good,
        edited(22, (entry) => ({ ...entry, sequence_number: 24 })),
      ),
      expected: { integrity: ['* root', '* seal'] },
    },
    {
      name: 'number-beyond-the-head',
      about: 'An entry has a number that the checkpoint does not cover.',
      bytes: changed(
        good,
        edited(22, (entry) => ({ ...entry, sequence_number: 26 })),
      ),
      expected: { integrity: ['26 size', '* seal'] },
    },
    {
      name: 'link-changed',
      about: 'A previous_hash is another one.',
      bytes: changed(
        good,
        edited(22, (entry) => ({ ...entry, previous_hash: '0'.repeat(64) })),
      ),
      expected: { integrity: ['22 previous_hash', '* root', '* seal'] },
    },
    {
      name: 'kind-unknown',
      about: 'An entry is of a kind that nobody knows.',
      bytes: changed(good, event(21, { kind: 'PARDON' })),
      expected: { integrity: ['21 event', '22 previous_hash', '* root', '* seal'], conduct: ['22 refusal'] },
    },
    {
      name: 'member-added-to-event',
      about: 'An event has a member more.',
      bytes: changed(good, event(21, { note: 'x' })),
      expected: { integrity: ['21 event', '22 previous_hash', '* root', '* seal'], conduct: ['22 refusal'] },
    },
    {
      name: 'genesis-removed',
      about: 'The genesis is left out, and the proof made to fit.',
      bytes: changed(good, (bundle) => some(bundle, [1, 2, 3, 6, 21, 22])),
      expected: {
        integrity: ['* genesis'],
        containment: ['1 issuer', '2 authority', '2 issuer', '6 authority', '6 issuer'],
        conduct: ['3 law.INVALID_REQUEST', '21 law.INVALID_REQUEST', '22 law.INVALID_REQUEST'],
      },
    },
    {
      name: 'genesis-log-key-exchanged',
      about: "The genesis names a stranger's log key: the authority did not sign that.",
      bytes: changed(good, event(0, { log_key: verifierKey(ORIGIN, STRANGER.publicKey) })),
      expected: { integrity: ['0 genesis', '* keys', '* checkpoint', '* seal', '1 previous_hash'] },
    },
    {
      name: 'head-resigned',
      about: 'A stranger signs the checkpoint.',
      bytes: changed(good, (bundle) => ({
        ...bundle,
        checkpoint: signCheckpoint(ORIGIN, size, rootOf(nodes, 0, size), STRANGER),
      })),
      expected: { integrity: ['* checkpoint', '* seal'] },
    },
    {
      name: 'head-of-another-origin',
      about: 'The log key signs a checkpoint of another log.',
      bytes: resealed(good, (bundle) => ({
        ...bundle,
        checkpoint: signCheckpoint('example.com/other', size, rootOf(nodes, 0, size), KEYS.log),
      })),
      expected: { integrity: ['* checkpoint'] },
    },
    {
      name: 'head-of-another-root',
      about: 'The log key signs another root.',
      bytes: resealed(good, (bundle) => ({
        ...bundle,
        checkpoint: signCheckpoint(ORIGIN, size, leafHash('x'), KEYS.log),
      })),
      expected: { integrity: ['* root'] },
    },
    {
      name: 'head-of-another-size',
      about: 'The log key signs a smaller tree than the proof is of.',
      bytes: resealed(good, (bundle) => ({ ...bundle, checkpoint: older })),
      expected: { integrity: ['* proof'] },
    },
    {
      name: 'head-of-endless-size',
      about: 'The checkpoint names a size of six thousand digits.',
      bytes: resealed(good, (bundle) => ({
        ...bundle,
        checkpoint: bundle.checkpoint.replace(/\n\d+\n/, `\n${'9'.repeat(6000)}\n`),
      })),
      expected: { integrity: ['* checkpoint'] },
    },
    {
      name: 'head-shorter-than-entries',
      about: 'The checkpoint is of a time before the last entry.',
      bytes: resealed(good, (bundle) => ({
        ...bundle,
        checkpoint: signCheckpoint(ORIGIN, 22, leafHash('x'), KEYS.log),
      })),
      expected: { integrity: ['22 size'] },
    },
    {
      name: 'head-unsigned',
      about: 'The checkpoint has no signature line.',
      bytes: changed(good, (bundle) => ({ ...bundle, checkpoint: noteOf(bundle) })),
      expected: { integrity: ['* checkpoint', '* seal'] },
    },
    {
      name: 'head-signature-broken',
      about: 'A letter of the checkpoint signature is another one.',
      bytes: changed(good, (bundle) => ({
        ...bundle,
        checkpoint: bundle.checkpoint.replace(/(.)(=*\n)$/, (_, letter, end) => (letter === 'A' ? 'B' : 'A') + end),
      })),
      expected: { integrity: ['* checkpoint', '* seal'] },
    },
    {
      name: 'hash-of-proof-changed',
      about: 'A hash of the proof is another one.',
      bytes: changed(good, (bundle) => ({ ...bundle, proof: bundle.proof.with(1, '0'.repeat(64)) })),
      expected: { integrity: ['* root', '* seal'] },
    },
    {
      name: 'hash-of-proof-added',
      about: 'The proof has a hash too many.',
      bytes: changed(good, (bundle) => ({ ...bundle, proof: [...bundle.proof, '0'.repeat(64)] })),
      expected: { integrity: ['* proof', '* seal'] },
    },
    {
      name: 'hash-of-proof-removed',
      about: 'The proof has a hash too few.',
      bytes: changed(good, (bundle) => ({ ...bundle, proof: bundle.proof.slice(1) })),
      expected: { integrity: ['* proof', '* seal'] },
    },
    {
      name: 'hashes-of-proof-exchanged',
      about: 'Two hashes of the proof change places.',
      bytes: changed(good, (bundle) => ({
        ...bundle,
        proof: [bundle.proof[1], bundle.proof[0], ...bundle.proof.slice(2)],
      })),
      expected: { integrity: ['* root', '* seal'] },
    },
    {
      name: 'claimed-authority-exchanged',
      about: 'The keys claim another authority than the genesis.',
      bytes: changed(good, (bundle) => ({
        ...bundle,
        keys: { ...bundle.keys, authority: toDidKey(STRANGER.publicKey) },
      })),
      expected: { integrity: ['* keys', '* seal'] },
    },
    {
      name: 'claimed-log-key-exchanged',
      about: 'The log key seals a claim about another log key.',
      bytes: resealed(good, (bundle) => ({
        ...bundle,
        keys: { ...bundle.keys, log: verifierKey(ORIGIN, STRANGER.publicKey) },
      })),
      expected: { integrity: ['* keys'] },
    },
    {
      name: 'lineage-turned',
      about: 'The log key seals a lineage in the wrong order.',
      bytes: resealed(good, (bundle) => ({ ...bundle, lineage: [...bundle.lineage].reverse() })),
      expected: { integrity: ['* lineage'] },
    },
    {
      name: 'lineage-shortened',
      about: 'The log key seals a lineage without its root.',
      bytes: resealed(good, (bundle) => ({ ...bundle, lineage: bundle.lineage.slice(1) })),
      expected: { integrity: ['* lineage'] },
    },
    {
      name: 'subject-exchanged',
      about: 'The log key seals the bundle as one about another artifact.',
      bytes: resealed(good, (bundle) => ({ ...bundle, subject: { artifact_hash: worker } })),
      expected: { integrity: ['* subject', '* lineage', ...[1, 2, 3, 6, 21, 22].map((n) => `${n} foreign_entry`)] },
    },
    {
      name: 'subject-is-the-parent',
      about:
        'The log key seals the bundle as one about the parent, whose other entries it lacks: that is its word only.',
      bytes: resealed(good, (bundle) => ({
        ...bundle,
        subject: { artifact_hash: lead },
        lineage: bundle.lineage.slice(0, 2),
      })),
    },
    {
      name: 'run-with-a-gap',
      about: 'The log key seals the bundle as a run of entries, of which most are missing.',
      bytes: resealed(good, (bundle) => ({ ...bundle, subject: { first: 6, last: 22 }, lineage: [] })),
      expected: { integrity: ['* subject'] },
    },
    {
      name: 'run-with-a-lineage',
      about: 'A run of entries claims a lineage.',
      bytes: resealed(good, (bundle) => ({ ...bundle, subject: { first: 21, last: 22 } })),
      expected: { integrity: ['* lineage'] },
    },
    {
      name: 'seal-of-a-stranger',
      about: 'A stranger seals the document.',
      bytes: resealed(good, (bundle) => bundle, STRANGER),
      expected: { integrity: ['* seal'] },
    },
    {
      name: 'seal-redated',
      about: 'The seal says another time than was signed.',
      bytes: changed(good, (bundle) => ({ ...bundle, seal: { ...bundle.seal, time: formatInstant(last + 1) } })),
      expected: { integrity: ['* seal'] },
    },
    {
      name: 'seal-of-another-bundle',
      about: 'The seal is that of another bundle of the same log.',
      bytes: changed(good, (bundle) => ({ ...bundle, seal: JSON.parse(whole).seal })),
      expected: { integrity: ['* seal'] },
    },
    {
      name: 'sealed-before-its-end',
      about: 'The log key dates the seal before the last entry.',
      bytes: resealed(good, (bundle) => ({ ...bundle, seal: { ...bundle.seal, time: formatInstant(START) } })),
      expected: { integrity: ['22 seal_time'] },
    },
    {
      name: 'future-dated',
      about: 'The bundle is dated an hour after the time of judging.',
      bytes: await bundleOf(helper, last + 3_600_000),
      asked: { at: formatInstant(last) },
      expected: { integrity: ['* future'] },
    },
    {
      name: 'another-authority-pinned',
      about: 'The judge trusts somebody else.',
      bytes: good,
      asked: { trust: toDidKey(STRANGER.publicKey) },
      expected: { integrity: ['0 authority'] },
    },
    {
      name: 'another-log-key-pinned',
      about: 'The judge knows another log key.',
      bytes: good,
      asked: { log_key: verifierKey(ORIGIN, STRANGER.publicKey) },
      expected: { integrity: ['0 log_key'] },
    },
    {
      name: 'witness-missing',
      about: 'One of two witnesses cosigned, two are asked for.',
      bytes: cosigned(good, noteOf, witnesses.slice(0, 1)),
      asked: { witnesses: { keys, quorum: 2 } },
      expected: { integrity: ['* witnesses'] },
    },
    {
      name: 'witness-of-another-head',
      about: 'The witnesses cosigned another checkpoint.',
      bytes: cosigned(good, () => older.slice(0, older.indexOf('\n\n') + 1)),
      asked: { witnesses: { keys, quorum: 1 } },
      expected: { integrity: ['* witnesses'] },
    },
    {
      name: 'witness-counted-twice',
      about: 'The same witness is named twice, and two are asked for.',
      bytes: cosigned(good, noteOf, witnesses.slice(0, 1)),
      asked: { witnesses: { keys: [keys[0]!, keys[0]!], quorum: 2 } },
      expected: { integrity: ['* witnesses'] },
    },
    {
      name: 'witness-impersonated',
      about: 'A stranger cosigns in the name of a witness.',
      bytes: cosigned(good, noteOf, [{ name: 'w1.example', key: STRANGER }]),
      asked: { witnesses: { keys, quorum: 1 } },
      expected: { integrity: ['* witnesses'] },
    },
    {
      name: 'sibling-instead',
      about: 'Entries of the sibling stand where those of the subject should.',
      bytes: resealed(await bundleOf(sibling), (bundle) => ({ ...bundle, subject: { artifact_hash: helper } })),
      expected: { integrity: ['* subject', '* lineage', '1 foreign_entry', '4 foreign_entry', '7 foreign_entry'] },
    },
  ];
}
