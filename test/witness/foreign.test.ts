/** The bytes that we send, and what a witness that is not ours has answered to them; and what the specification shows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { signer } from '#ed25519';
import { toHex } from '../../src/base/encoding.ts';
import { signCheckpoint } from '../../src/chain/checkpoint.ts';
import { cosignedAt, parseWitnessKey } from '../../src/chain/cosignature.ts';
import { Frontier, leafHash } from '../../src/chain/tree.ts';
import { judge, submission } from '../../src/evidence/witness.ts';
import { seed } from '../kernel.ts';
import { witnessKey } from './cosign.ts';

interface Exchange {
  readonly about: string;
  readonly old: number;
  readonly size: number;
  readonly request: string;
  readonly status: number;
  readonly type: string;
  readonly response: string;
}

const recorded: { witness: string; exchanges: readonly Exchange[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../vectors/witness/litewitness.json'), 'utf8'),
);
const KEY = parseWitnessKey(recorded.witness)!;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const nodes = async (level: number, first: number, count: number): Promise<string[]> =>
  level === 0 ? [...LETTERS].slice(first, first + count).map((letter) => toHex(leafHash(letter))) : [];

function checkpoint(size: number): string {
  const tree = new Frontier();
  for (const letter of LETTERS.slice(0, size)) tree.append(leafHash(letter));
  const pair = signer(Uint8Array.from({ length: 32 }, (_, i) => i));
  return signCheckpoint('aga.example/default', size, tree.root(), pair);
}

const EXPECTED: { readonly [about: string]: object } = {
  'asked from where it no longer stands': { knows: 7 },
  cut: { knows: 26 },
  'another history': { code: 'inconsistent', grave: true },
  'another root of the same size': { code: 'inconsistent', grave: true },
  'another log': { code: 'log_key', grave: false },
};

describe('litewitness', () => {
  it.each(recorded.exchanges)('$about: $old → $size is $status', async ({ about, old, size, request, ...answer }) => {
    const note = request.slice(request.indexOf('\n\n') + 2);
    const { status, type, response: body } = answer;
    const said = judge({ status, type: type.split(';')[0]!, body }, { checkpoint: note, size, old }, KEY, {
      from: 0,
      to: 2 ** 40,
    });
    if (status !== 200) return expect(said).toMatchObject(EXPECTED[about]!);
    expect(await submission({ nodes }, old, { size, checkpoint: checkpoint(size) })).toBe(request);
    expect(said).toMatchObject({ line: body });
    expect(cosignedAt(note + body, KEY)).toBe('seconds' in said && said.seconds);
    return undefined;
  });
});

it('the answer that the specification shows is read, and none of it believed: its keys are not pinned', () => {
  const body =
    '\u2014 witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==\n' +
    '\u2014 witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==\n' +
    '\u2014 witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==\n';
  const asked = { checkpoint: checkpoint(3), size: 3, old: 0 };
  const read = (keyId: string) => {
    const key = parseWitnessKey(witnessKey('witness.example/w1', signer(seed('w')).publicKey))!;
    return judge({ status: 200, type: '', body }, asked, { ...key, keyId }, { from: 0, to: 2 ** 40 });
  };
  expect(read('00000000')).toMatchObject({ code: 'other_key' });
  // The ids that stand there belong to other keys.
  expect(read('08ca7ee8')).toMatchObject({ code: 'bad_cosignature' });
  expect(read('23bac4a6')).toMatchObject({ code: 'bad_cosignature' });
});

it('a request has the form that the specification shows', async () => {
  const body = await submission({ nodes }, 3, { size: 7, checkpoint: checkpoint(7) });
  expect(body).toMatch(
    /^old 3\n([A-Za-z0-9+/]{43}=\n){3}[A-Za-z0-9+/]{43}=\n\naga\.example\/default\n7\n[A-Za-z0-9+/]{43}=\n\n\u2014 aga\.example\/default \S+\n$/,
  );
  expect(await submission({ nodes }, 0, { size: 3, checkpoint: checkpoint(3) })).toBe(`old 0\n\n${checkpoint(3)}`);
});
