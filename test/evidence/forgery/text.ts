/** Attacks on the text: documents that two readers might read differently, or that are not the format at all. */
import { canonicalize, type Json } from '../../../src/base/canonical.ts';
import { type Case, unreadable } from './case.ts';

const utf8 = new TextEncoder();
const NOT_CANONICAL = { integrity: ['* canonical_form'] };

export function textForgeries(good: string): Case[] {
  const value: { readonly [name: string]: Json } = JSON.parse(good);
  const half = good.slice(0, good.length >> 1);
  const edited = (changes: object): string => canonicalize({ ...value, ...changes });
  const without = (name: string): string =>
    canonicalize(Object.fromEntries(Object.entries(value).filter(([member]) => member !== name)));
  const form = unreadable('* form');
  return [
    { name: 'empty-file', about: 'There is nothing.', bytes: '', expected: unreadable('* json') },
    { name: 'cut-in-half', about: 'The second half is missing.', bytes: half, expected: unreadable('* json') },
    {
      name: 'last-byte-cut',
      about: 'The last byte is missing.',
      bytes: good.slice(0, -1),
      expected: unreadable('* json'),
    },
    { name: 'twice', about: 'The document stands there twice.', bytes: good + good, expected: unreadable('* json') },
    { name: 'null-byte-behind', about: 'A null byte follows.', bytes: `${good}\0`, expected: unreadable('* json') },
    {
      name: 'byte-order-mark',
      about: 'A byte-order mark stands in front.',
      bytes: `\uFEFF${good}`,
      expected: unreadable('* json'),
    },
    {
      name: 'invalid-utf-8',
      about: 'A byte of a text is no UTF-8.',
      bytes: brokenAt(utf8.encode(good), good.indexOf('"chain":"') + 10),
      expected: unreadable('* json'),
    },
    {
      name: 'lone-surrogate',
      about: 'A purpose ends in half a character.',
      bytes: good.replace(/"purpose":"[^"]*/, '$&\\ud800'),
      expected: unreadable('* json'),
    },
    {
      name: 'number-too-large',
      about: 'A number is beyond every double.',
      bytes: good.replace('"sequence_number":0', '"sequence_number":1e400'),
      expected: unreadable('* json'),
    },
    {
      name: 'proto-member',
      about: 'A member is named __proto__.',
      bytes: good.replace('{"checkpoint"', '{"__proto__":{},"checkpoint"'),
      expected: unreadable('* json'),
    },
    {
      name: 'nested-too-deep',
      about: 'A list stands in a list, a hundred times.',
      bytes: good.replace('"lineage":[', `"lineage":[${'['.repeat(100)}${']'.repeat(100)},`),
      expected: unreadable('* json'),
    },
    {
      name: 'duplicate-member',
      about: 'The type is given twice.',
      bytes: good.replace(/"type":"aga-bundle\/v1"\}$/, '"type":"aga-bundle/v1","type":"aga-bundle/v1"}'),
      expected: unreadable('* duplicate_member'),
    },
    {
      name: 'duplicate-member-in-entry',
      about: 'An entry has two timestamps: one reader takes the first, another the last.',
      bytes: good.replace('"timestamp":', '"timestamp":"2020-01-01T00:00:00.000Z","timestamp":'),
      expected: unreadable('* duplicate_member'),
    },
    { name: 'line-feed-behind', about: 'A line feed follows.', bytes: `${good}\n`, expected: NOT_CANONICAL },
    { name: 'space-in-front', about: 'A space stands in front.', bytes: ` ${good}`, expected: NOT_CANONICAL },
    {
      name: 'pretty-printed',
      about: 'Printed over many lines.',
      bytes: JSON.stringify(value, null, 2),
      expected: NOT_CANONICAL,
    },
    {
      name: 'members-in-another-order',
      about: 'The same members, sorted the other way.',
      bytes: JSON.stringify(Object.fromEntries(Object.entries(value).reverse())),
      expected: NOT_CANONICAL,
    },
    {
      name: 'number-spelled-otherwise',
      about: 'A sequence number is written 1.0.',
      bytes: good.replace('"sequence_number":1,', '"sequence_number":1.0,'),
      expected: NOT_CANONICAL,
    },
    {
      name: 'letter-escaped',
      about: 'A letter is written as an escape.',
      bytes: good.replace('"type":"aga-bundle/v1"}', '"type":"\\u0061ga-bundle/v1"}'),
      expected: NOT_CANONICAL,
    },
    { name: 'null-document', about: 'The document is null.', bytes: 'null', expected: form },
    { name: 'a-list', about: 'The document is a list.', bytes: `[${good}]`, expected: form },
    {
      name: 'another-type',
      about: 'The type is that of a later version.',
      bytes: edited({ type: 'aga-bundle/v2' }),
      expected: form,
    },
    { name: 'entries-no-list', about: 'The entries are an object.', bytes: edited({ entries: {} }), expected: form },
    {
      name: 'no-entries',
      about: 'The list of entries is empty.',
      bytes: edited({ entries: [] }),
      expected: unreadable('* empty'),
    },
    {
      name: 'entry-without-event',
      about: 'An entry lacks its event.',
      bytes: edited({
        entries: [{ ...(value.entries as [object])[0], event: undefined }].map((each) =>
          JSON.parse(JSON.stringify(each)),
        ),
      }),
      expected: unreadable('* entry'),
    },
    {
      name: 'seal-missing',
      about: 'There is no seal.',
      bytes: without('seal'),
      expected: unreadable('* missing_member'),
    },
    {
      name: 'proof-missing',
      about: 'There is no proof.',
      bytes: without('proof'),
      expected: unreadable('* missing_member'),
    },
    {
      name: 'type-missing',
      about: 'There is no type.',
      bytes: without('type'),
      expected: unreadable('* missing_member'),
    },
    {
      name: 'subject-missing',
      about: 'There is no subject.',
      bytes: without('subject'),
      expected: unreadable('* missing_member'),
    },
    {
      name: 'extra-member',
      about: 'A member that nobody signed is added.',
      bytes: edited({ note: 'trust me' }),
      expected: unreadable('* unknown_member'),
    },
    {
      name: 'extra-member-in-keys',
      about: 'A key is added to the claims.',
      bytes: edited({ keys: { ...(value.keys as object), backup: 'did:key:z6Mk' } }),
      expected: unreadable('* unknown_member'),
    },
    {
      name: 'proof-in-capitals',
      about: 'The hashes of the proof are written with capital letters.',
      bytes: edited({ proof: (value.proof as string[]).map((hash) => hash.toUpperCase()) }),
      expected: unreadable(...(value.proof as string[]).map(() => '* form')),
    },
    {
      name: 'seal-too-short',
      about: 'The seal is 63 bytes long.',
      bytes: edited({ seal: { ...(value.seal as { time: string }), signature: 'A'.repeat(84) } }),
      expected: form,
    },
    {
      name: 'seal-at-no-time',
      about: 'The seal is dated on 30 February.',
      bytes: edited({ seal: { ...(value.seal as { signature: string }), time: '2026-02-30T00:00:00.000Z' } }),
      expected: form,
    },
    {
      name: 'subject-of-two-kinds',
      about: 'The subject is an artifact and a run.',
      bytes: edited({ subject: { ...(value.subject as object), first: 0, last: 1 } }),
      expected: form,
    },
    {
      name: 'subject-with-more',
      about: 'The subject has a member too many: it is neither an artifact nor a run.',
      bytes: edited({ subject: { ...(value.subject as object), first: 0 } }),
      expected: form,
    },
    {
      name: 'entry-beside-an-event-that-is-none',
      about:
        'Something is no entry, and the event of another one does not decode: reading ends before events are looked at.',
      bytes: edited({ entries: [{ ...(value.entries as [object])[0], event: { kind: 'GENESIS' } }, 'x'] }),
      expected: unreadable('* entry'),
    },
  ];
}

function brokenAt(bytes: Uint8Array, at: number): Uint8Array {
  const broken = bytes.slice();
  broken[at] = 0xff;
  return broken;
}
