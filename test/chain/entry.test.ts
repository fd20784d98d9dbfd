import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { canonicalize } from '../../src/base/canonical.ts';
import { toHex } from '../../src/base/encoding.ts';
import { openEntry, sealEntry, ZERO_HASH } from '../../src/chain/entry.ts';

const fields = {
  chain: 'aga.example/default',
  sequence_number: 0,
  timestamp: '2026-11-20T10:00:00.000Z',
  previous_hash: ZERO_HASH,
  event: { kind: 'ARTIFACT_CREATED', b: [1, 'é'], a: null },
};
const entry = { type: 'aga-entry/v1', ...fields };

test('an entry is its RFC 8785 form under the leaf prefix', () => {
  const { text, hash } = sealEntry(fields);
  expect(text).toBe(
    '{"chain":"aga.example/default","event":{"a":null,"b":[1,"é"],"kind":"ARTIFACT_CREATED"},' +
      `"previous_hash":"${ZERO_HASH}","sequence_number":0,"timestamp":"2026-11-20T10:00:00.000Z","type":"aga-entry/v1"}`,
  );
  expect(toHex(hash)).toBe(createHash('sha256').update('\0').update(text).digest('hex'));
  expect(openEntry(text)).toEqual(entry);
});

test('only the members of an entry are sealed', () => {
  expect(sealEntry({ ...fields, secret: 'x' } as typeof fields).text).toBe(sealEntry(fields).text);
});

test('what is too large to be read back is not sealed', () => {
  const event = (length: number) => ({ ...fields, event: { kind: 'X', x: 'é'.repeat(length) } });
  expect(openEntry(sealEntry(event(2_000_000)).text).event.kind).toBe('X');
  expect(() => sealEntry(event(2_100_000))).toThrow(expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }));
});

describe('refused', () => {
  const { type: _, ...untyped } = entry;
  const changed: Record<string, unknown> = {
    'no object': 'x',
    'an array': [],
    null: null,
    'an unknown member': { ...entry, extra: 1 },
    'a missing member': untyped,
    'one member for another': { ...untyped, extra: 1 },
    'another type': { ...entry, type: 'aga-entry/v2' },
    'an empty origin': { ...entry, chain: '' },
    'a negative number': { ...entry, sequence_number: -1 },
    'a fraction': { ...entry, sequence_number: 0.5 },
    'a number as text': { ...entry, sequence_number: '0' },
    'a date without a time': { ...entry, timestamp: '2026-11-20' },
    'upper-case hexadecimal': { ...entry, previous_hash: 'A'.repeat(64) },
    'a short hash': { ...entry, previous_hash: '0'.repeat(63) },
    'an event without a kind': { ...entry, event: {} },
    'a kind in lower case': { ...entry, event: { kind: 'genesis' } },
    'a list for an event': { ...entry, event: ['GENESIS'] },
  };

  test.each(Object.entries(changed))('%s', (__, value) => {
    expect(() => openEntry(canonicalize(value))).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  });

  const { text } = sealEntry(fields);
  const respelt: Record<string, string> = {
    'another order of members': JSON.stringify(entry),
    'white space': text.replace(',', ', '),
    'white space at the end': `${text}\n`,
    'another spelling of a number': text.replace('"sequence_number":0', '"sequence_number":-0'),
    'an exponent': text.replace('[1,', '[1e0,'),
    'an escape that need not be': text.replace('é', '\\u00e9'),
    'a member twice': text.replace('"a":null', '"a":1,"a":null'),
    'a number that was rounded': text.replace('[1,', '[9007199254740993,'),
    nothing: '',
  };

  test.each(Object.entries(respelt))('not canonical: %s', (__, each) => {
    expect(each).not.toBe(text);
    expect(() => openEntry(each)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  });
});
