/** Attacks on governance receipts: the five steps of the draft, and what the draft leaves open. */

import { sha256 } from '#digest';
import { signer } from '#ed25519';
import { canonicalize } from '../../../src/base/canonical.ts';
import { fromHex, toHex } from '../../../src/base/encoding.ts';
import { formatInstant } from '../../../src/base/instant.ts';
import { buildReceipts } from '../../../src/evidence/receipts/build.ts';
import {
  directionsOf,
  hashOf,
  levelsOf,
  type Receipt,
  type ReceiptBundle,
  signedBytes,
} from '../../../src/evidence/receipts/format.ts';
import type { Signer } from '../../../src/ports.ts';
import { type Chain, entriesOf } from '../../authority/forge.ts';
import { KEYS, seed } from '../../kernel.ts';
import { witnessKey } from '../../witness/cosign.ts';
import type { Scene } from '../scene.ts';
import { type Case, GATEWAY, TRUST, unreadable } from './case.ts';
import { sourceOf, timeOf } from './chain.ts';

const STRANGER = signer(seed('stranger'));

/** Receipts linked, signed and proven anew, as whoever holds the key would. */
function remade(bundle: ReceiptBundle, receipts: readonly Receipt[], key: Signer = KEYS.log): ReceiptBundle {
  const linked: Receipt[] = [];
  for (const each of receipts) {
    const before = linked.at(-1);
    const { signature: _, ...unsigned } = { ...each, previous_receipt_hash: before ? hashOf(before) : '' };
    linked.push({ ...unsigned, signature: toHex(key.sign(signedBytes(unsigned))) });
  }
  return proven({ ...bundle, receipts: linked });
}

function proven(bundle: ReceiptBundle): ReceiptBundle {
  const { receipts } = bundle;
  const levels = levelsOf(receipts.map(hashOf));
  const merkle_root = levels.at(-1)?.[0] ?? bundle.merkle_root;
  const merkle_proofs = receipts.map((_, leaf_index) => ({
    leaf_hash: levels[0]![leaf_index]!,
    leaf_index,
    siblings: levels.slice(0, -1).flatMap((level, height) => level[Math.floor(leaf_index / 2 ** height) ^ 1] ?? []),
    directions: directionsOf(leaf_index, receipts.length),
    merkle_root,
  }));
  return { ...bundle, merkle_root, merkle_proofs };
}

/** A tree whose odd last leaf has itself as its sibling, as some make it. */
function doubled(bundle: ReceiptBundle): ReceiptBundle {
  const node = (left: string, right: string): string => toHex(sha256(fromHex(left + right)!));
  const [a, b, c] = bundle.receipts.map(hashOf) as [string, string, string];
  const [left, right] = [node(a, b), node(c, c)];
  const merkle_root = node(left, right);
  const proof = (leaf_hash: string, leaf_index: number, siblings: string[], directions: ('left' | 'right')[]) => ({
    leaf_hash,
    leaf_index,
    siblings,
    directions,
    merkle_root,
  });
  return {
    ...bundle,
    merkle_root,
    merkle_proofs: [
      proof(a, 0, [b, right], ['right', 'right']),
      proof(b, 1, [a, right], ['left', 'right']),
      proof(c, 2, [c, left], ['right', 'left']),
    ],
  };
}

export async function receiptForgeries({ lead }: Scene, chain: Chain): Promise<Case[]> {
  const last = timeOf(entriesOf(chain).at(-1)!);
  const { text } = await buildReceipts(sourceOf(chain), lead, KEYS.log, last);
  const all: ReceiptBundle = JSON.parse(text);
  const three = remade(all, all.receipts.slice(0, 3));
  const [one, two, third] = three.receipts as [Receipt, Receipt, Receipt];
  const asked = { trust: GATEWAY };
  const forgery = (name: string, about: string, bundle: object, ...integrity: string[]): Case => ({
    name: `receipts-${name}`,
    about,
    bytes: canonicalize(JSON.parse(JSON.stringify(bundle))),
    asked,
    ...(integrity.length > 0 && { expected: { integrity } }),
  });
  const illegible = (name: string, about: string, bundle: object, ...integrity: string[]): Case => ({
    ...forgery(name, about, bundle),
    expected: unreadable(...integrity),
  });
  const member = (at: number, members: object): ReceiptBundle => ({
    ...three,
    receipts: three.receipts.map((each, i) => (i === at ? { ...each, ...members } : each)),
  });
  const proof = (at: number, members: object): ReceiptBundle => ({
    ...three,
    merkle_proofs: three.merkle_proofs.map((each, i) => (i === at ? { ...each, ...members } : each)),
  });
  const { reason: _, ...short } = two;
  return [
    forgery('good', 'Eleven decisions of a subtree.', all),
    {
      ...forgery('good-pretty', 'The same, printed over many lines: the draft asks for no form.', all),
      bytes: JSON.stringify(all, null, 2),
    },
    forgery('good-one', 'One receipt.', remade(all, all.receipts.slice(0, 1))),
    forgery('good-three', 'Three receipts: the last leaf moves up alone.', three),
    {
      ...forgery('another-key-pinned', 'The judge trusts another key.', three, '* authority'),
      asked: { trust: TRUST },
    },
    {
      ...forgery('witnesses-asked', 'A witness is asked for, and receipts carry no checkpoint.', three, '* witnesses'),
      asked: { trust: GATEWAY, witnesses: { keys: [witnessKey('w1.example', STRANGER.publicKey)], quorum: 1 } },
    },
    forgery(
      'by-a-stranger',
      'A stranger made all of it.',
      remade(
        { ...three, public_key: toHex(STRANGER.publicKey) },
        three.receipts.map((each) => ({ ...each, public_key: toHex(STRANGER.publicKey) })),
        STRANGER,
      ),
      '* authority',
    ),
    forgery('none', 'There are no receipts.', { ...three, receipts: [], merkle_proofs: [] }, '* empty'),
    forgery('another-algorithm', 'The bundle names another algorithm.', { ...three, algorithm: 'RSA' }, '* algorithm'),
    forgery(
      'another-algorithm-of-one',
      'One receipt names another algorithm.',
      remade(all, [one, { ...two, algorithm: 'none' }, third]),
      '1 algorithm',
    ),
    forgery(
      'verdict-turned',
      'A refusal becomes a permit.',
      member(2, { decision: 'PERMITTED' }),
      '2 signature',
      '2 leaf_hash',
    ),
    forgery(
      'request-changed',
      'The id of the request is another one.',
      member(0, { request_id: 'other' }),
      '0 signature',
      '1 previous_hash',
      '0 leaf_hash',
    ),
    forgery(
      'of-another-key',
      'A receipt is signed by another key, which it names.',
      strangersReceipt(),
      '1 public_key',
    ),
    forgery(
      'of-another-gateway',
      'A receipt comes from another gateway.',
      remade(all, [one, { ...two, gateway_id: 'other' }, third]),
      '1 gateway_id',
    ),
    forgery(
      'of-another-policy',
      'A receipt was given under another policy.',
      remade(all, [one, two, { ...third, policy_reference: 'other' }]),
      '2 policy_reference',
    ),
    forgery(
      'exchanged',
      'Two receipts change places.',
      proven({ ...three, receipts: [two, one, third] }),
      '0 previous_hash',
      '1 previous_hash',
      '2 previous_hash',
    ),
    forgery(
      'first-cut',
      'The first receipt is left out.',
      proven({ ...three, receipts: [two, third] }),
      '0 previous_hash',
    ),
    forgery(
      'middle-cut',
      'A receipt in the middle is left out.',
      proven({ ...three, receipts: [one, third] }),
      '1 previous_hash',
    ),
    forgery('twice', 'The same receipt is issued twice.', remade(all, [one, two, { ...two }]), '2 receipt_id'),
    forgery(
      'unknown-permitted',
      'A call without a name was permitted.',
      remade(all, [one, { ...two, tool_name: 'UNKNOWN', decision: 'PERMITTED' }, third]),
      '1 decision',
    ),
    forgery(
      'root-changed',
      'The root is another one.',
      { ...three, merkle_root: '0'.repeat(64) },
      '0 root',
      '1 root',
      '2 root',
    ),
    forgery('root-of-one-proof', 'A proof names another root.', proof(1, { merkle_root: '0'.repeat(64) }), '1 root'),
    forgery(
      'leaf-of-another',
      'A proof is that of another receipt.',
      proof(1, { leaf_hash: three.merkle_proofs[0]!.leaf_hash }),
      '1 leaf_hash',
      '1 root',
    ),
    forgery('index-of-another', 'A proof names another place.', proof(1, { leaf_index: 2 }), '1 proof'),
    forgery(
      'sibling-changed',
      'A hash of a proof is another one.',
      proof(0, { siblings: ['0'.repeat(64), three.merkle_proofs[0]!.siblings[1]] }),
      '0 root',
    ),
    forgery(
      'direction-turned',
      'A direction of a proof is turned.',
      proof(1, { directions: ['right', 'right'] }),
      '1 proof',
    ),
    forgery(
      'proof-too-long',
      'A proof has a step more than three receipts need.',
      proof(2, { siblings: [...three.merkle_proofs[2]!.siblings, '0'.repeat(64)], directions: ['left', 'right'] }),
      '2 proof',
    ),
    forgery('odd-leaf-doubled', 'The tree doubles its odd leaf.', doubled(three), '2 proof'),
    forgery(
      'proof-missing',
      'A proof is missing.',
      { ...three, merkle_proofs: three.merkle_proofs.slice(0, 2) },
      '* proof',
    ),
    forgery(
      'proof-too-many',
      'There is a proof more than receipts.',
      { ...three, merkle_proofs: [...three.merkle_proofs, three.merkle_proofs[0]] },
      '* proof',
    ),
    {
      ...forgery(
        'future-dated',
        'The bundle is dated an hour after the time of judging.',
        { ...three, generated_at: formatInstant(last + 3_600_000) },
        '* future',
      ),
      asked: { ...asked, at: formatInstant(last) },
    },
    illegible('extra-member', 'The bundle has a member more.', { ...three, note: 'x' }, '* unknown_member'),
    illegible('extra-member-of-one', 'A receipt has a member more.', member(1, { note: 'x' }), '* unknown_member'),
    illegible(
      'at-no-time',
      'A receipt is dated in words.',
      remade(all, [one, { ...two, timestamp: 'yesterday' }, third]),
      '* form',
    ),
    illegible(
      'on-no-day',
      'A receipt is dated on 30 February.',
      remade(all, [one, { ...two, timestamp: '2026-02-30T10:00:00.000Z' }, third]),
      '* form',
    ),
    illegible(
      'member-missing',
      'A receipt lacks its reason.',
      { ...three, receipts: [one, short, third] },
      '* missing_member',
    ),
    illegible(
      'in-capitals',
      'A signature is written with capital letters.',
      member(1, { signature: `A${two.signature.slice(1)}` }),
      '* form',
    ),
    illegible(
      'not-offline',
      'The bundle says that it needs the network.',
      { ...three, offline_capable: false },
      '* form',
    ),
    illegible('id-no-uuid', 'The id of a receipt is no UUID.', member(1, { receipt_id: '1' }), '* form'),
    illegible('maybe', 'A decision is neither of the two.', member(1, { decision: 'MAYBE' }), '* form'),
    {
      ...illegible(
        'duplicate-member',
        'A receipt has two decisions: one reader takes the first, another the last.',
        three,
      ),
      bytes: canonicalize(three).replace('"decision":', '"decision":"PERMITTED","decision":'),
      expected: unreadable('* duplicate_member'),
    },
  ];

  function strangersReceipt(): ReceiptBundle {
    const { signature: _signature, ...unsigned } = { ...two, public_key: toHex(STRANGER.publicKey) };
    const theirs = { ...unsigned, signature: toHex(STRANGER.sign(signedBytes(unsigned))) };
    const next = { ...third, previous_receipt_hash: hashOf(theirs) };
    const { signature: _old, ...rest } = next;
    return proven({
      ...three,
      receipts: [one, theirs, { ...rest, signature: toHex(KEYS.log.sign(signedBytes(rest))) }],
    });
  }
}
