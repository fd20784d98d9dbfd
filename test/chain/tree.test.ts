import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromBase64, fromHex, toHex } from '../../src/base/encoding.ts';
import { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from '../../src/chain/proof.ts';
import { Frontier, leafHash, nodeHash } from '../../src/chain/tree.ts';
import { listVectors, readJsonVector, vectorTest } from '../vectors.ts';
import { nodesOf } from './nodes.ts';

const sha256 = (...parts: (Uint8Array | string)[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

/** RFC 9162 section 2.1.1 as it is written. */
function definition(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256('');
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256(Uint8Array.of(1), definition(leaves.slice(0, k)), definition(leaves.slice(k)));
}

const MAX = 130;
const leaves = Array.from({ length: MAX }, (_, i) => leafHash(`leaf ${i}`));
const nodes = nodesOf(leaves);
const roots = Array.from({ length: MAX + 1 }, (_, size) => definition(leaves.slice(0, size)));

describe('the tree', () => {
  test('the empty root is SHA-256 of nothing', () => {
    expect(toHex(new Frontier().root())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  test('leaves and nodes carry their prefix; text is UTF-8', () => {
    expect(leafHash('')).toEqual(sha256(Uint8Array.of(0)));
    expect(leafHash('é\0\u{1f600}')).toEqual(sha256(Uint8Array.of(0), 'é\0\u{1f600}'));
    expect(leafHash(new TextEncoder().encode('é'))).toEqual(leafHash('é'));
    expect(nodeHash(leaves[0]!, leaves[1]!)).toEqual(sha256(Uint8Array.of(1), leaves[0]!, leaves[1]!));
  });

  test('growing leaf by leaf gives every root of the definition, and can go on from what was stored', () => {
    const whole = new Frontier();
    let stored = new Frontier();
    for (const [i, leaf] of leaves.entries()) {
      whole.append(leaf);
      stored = Frontier.of(stored.size, stored.hashes());
      stored.append(leaf);
      expect(whole.root()).toEqual(roots[i + 1]);
      expect(stored.root()).toEqual(roots[i + 1]);
      expect(whole.size).toBe(i + 1);
    }
  });

  test('a clone and its original grow apart', () => {
    for (const size of [0, 1, 2, 3, 5, 7, 8]) {
      const one = new Frontier();
      for (const leaf of leaves.slice(0, size)) one.append(leaf);
      const two = one.clone();
      const list = one.hashes();
      list.pop();
      one.append(leaves[size]!);
      two.append(leaves[100]!);
      expect(one.root()).toEqual(roots[size + 1]);
      expect(two.root()).toEqual(definition([...leaves.slice(0, size), leaves[100]!]));
    }
  });

  test('an edge that does not fit its size is a broken chain', () => {
    const hash = leaves[0]!;
    const bad: [number, Uint8Array[]][] = [
      [0, [hash]],
      [1, []],
      [3, [hash]],
      [4, [hash, hash]],
      [-1, [hash]],
      [1.5, [hash]],
      [2 ** 53, [hash]],
      [1, [hash.slice(1)]],
    ];
    for (const [size, hashes] of bad)
      expect(() => Frontier.of(size, hashes)).toThrow(expect.objectContaining({ code: 'CHAIN_BROKEN' }));
  });

  test('sizes over 32 bits', () => {
    const size = 2 ** 40 + 1;
    const frontier = Frontier.of(size, [leaves[0]!, leaves[1]!]);
    frontier.append(leaves[2]!);
    expect(frontier.size).toBe(size + 1);
    expect(frontier.hashes()).toEqual([leaves[0]!, nodeHash(leaves[1]!, leaves[2]!)]);
  });
});

describe('proofs', () => {
  test('every leaf of every tree', () => {
    for (let size = 1; size <= MAX; size++)
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(nodes, index, size);
        expect(verifyInclusion(index, size, leaves[index]!, proof, roots[size]!)).toBe(true);
        expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
      }
  });

  test('every pair of sizes', () => {
    for (let size2 = 1; size2 <= MAX; size2++)
      for (let size1 = 1; size1 <= size2; size1++) {
        const proof = consistencyProof(nodes, size1, size2);
        expect(verifyConsistency(size1, size2, roots[size1]!, roots[size2]!, proof)).toBe(true);
      }
  });

  /** One hash more, one less, or another one. */
  function edited(proof: readonly Uint8Array[], pick: number): Uint8Array[][] {
    const at = pick % (proof.length + 1);
    const more = proof.toSpliced(at, 0, leaves[0]!);
    return at === proof.length
      ? [more]
      : [more, proof.toSpliced(at, 1), proof.toSpliced(at, 1, leafHash('no such leaf'))];
  }

  test('nothing else is proven', () => {
    const size = fc.integer({ min: 1, max: MAX });
    fc.assert(
      fc.property(size, size, size, size, fc.nat(), (a, b, c, d, pick) => {
        const [size1, size2] = [Math.min(a, b), Math.max(a, b)];
        const inclusion = inclusionProof(nodes, size1 - 1, size2);
        if (c !== size1)
          expect(verifyInclusion(c - 1, size2, leaves[size1 - 1]!, inclusion, roots[size2]!)).toBe(false);
        if (c !== size1)
          expect(verifyInclusion(size1 - 1, size2, leaves[c - 1]!, inclusion, roots[size2]!)).toBe(false);
        const consistency = consistencyProof(nodes, size1, size2);
        if (d !== size2) expect(verifyConsistency(size1, size2, roots[size1]!, roots[d]!, consistency)).toBe(false);
        if (d !== size1) expect(verifyConsistency(size1, size2, roots[d]!, roots[size2]!, consistency)).toBe(false);
        for (const changed of edited(inclusion, pick))
          expect(verifyInclusion(size1 - 1, size2, leaves[size1 - 1]!, changed, roots[size2]!)).toBe(false);
        for (const changed of edited(consistency, pick))
          expect(verifyConsistency(size1, size2, roots[size1]!, roots[size2]!, changed)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  test('numbers that are no sizes, hashes that are no hashes', () => {
    const [leaf, root] = [leaves[0]!, roots[1]!];
    for (const odd of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 18446744073709552000]) {
      expect(verifyInclusion(odd, 1, leaf, [], root)).toBe(false);
      expect(verifyInclusion(0, odd, leaf, [], root)).toBe(false);
      expect(verifyConsistency(odd, 1, root, root, [])).toBe(false);
      expect(verifyConsistency(1, odd, root, root, [])).toBe(false);
      expect(() => inclusionProof(nodes, odd, odd)).toThrow(TypeError);
      expect(() => consistencyProof(nodes, odd, odd)).toThrow(TypeError);
    }
    expect(verifyInclusion(0, 1, leaf, [], root)).toBe(true);
    expect(verifyInclusion(0, 1, leaf.slice(1), [], leaf.slice(1))).toBe(false);
    expect(verifyConsistency(1, 1, root, root, [])).toBe(true);
    expect(verifyConsistency(1, 1, root, Uint8Array.of(...root, 0), [])).toBe(false);
    expect(verifyInclusion(0, 1, leaf, [], Uint8Array.of(...root, 0))).toBe(false);
    expect(verifyConsistency(0, 0, roots[0]!, roots[0]!, [])).toBe(false);
    expect(verifyConsistency(0, 1, roots[0]!, root, [])).toBe(false);
    expect(verifyConsistency(1, 2, root, roots[2]!, [])).toBe(false);
  });

  test('indexes over 32 bits: the left spine of a tree of 2^40 equal leaves', () => {
    const level = [leaves[0]!];
    for (let i = 0; i < 40; i++) level.push(nodeHash(level[i]!, level[i]!));
    const same = (height: number) => level[height]!;
    const [index, size] = [2 ** 39 + 12_345, 2 ** 40];
    const proof = inclusionProof(same, index, size);
    expect(verifyInclusion(index, size, leaves[0]!, proof, level[40]!)).toBe(true);
    expect(proof).toHaveLength(40);
    expect(verifyConsistency(index, size, rootOfEqual(index), level[40]!, consistencyProof(same, index, size))).toBe(
      true,
    );
    function rootOfEqual(count: number): Uint8Array {
      const hashes = [...count.toString(2)].flatMap((bit, i, bits) =>
        bit === '1' ? [level[bits.length - 1 - i]!] : [],
      );
      return Frontier.of(count, hashes).root();
    }
  });
});

interface Inclusion {
  leafIdx: number;
  treeSize: number;
  root: string | null;
  leafHash: string | null;
  proof: string[] | null;
  wantErr: boolean;
}
interface Consistency {
  size1: number;
  size2: number;
  root1: string | null;
  root2: string | null;
  proof: string[] | null;
  wantErr: boolean;
}

const bytes = (text: string | null): Uint8Array => fromBase64(text ?? '')!;

vectorTest('merkle', 'transparency-dev/merkle inclusion: 98 probes, 6 good', () => {
  const files = listVectors('merkle/inclusion/**/*.json');
  expect(files).toHaveLength(98);
  let good = 0;
  for (const file of files) {
    const probe = readJsonVector<Inclusion>(file);
    const proof = (probe.proof ?? []).map(bytes);
    const verdict = verifyInclusion(probe.leafIdx, probe.treeSize, bytes(probe.leafHash), proof, bytes(probe.root));
    expect(verdict, file).toBe(!probe.wantErr);
    good += verdict ? 1 : 0;
  }
  expect(good).toBe(6);
});

vectorTest('merkle', 'transparency-dev/merkle consistency: 98 probes, 6 good', () => {
  const files = listVectors('merkle/consistency/**/*.json');
  expect(files).toHaveLength(98);
  let good = 0;
  for (const file of files) {
    const probe = readJsonVector<Consistency>(file);
    const proof = (probe.proof ?? []).map(bytes);
    const verdict = verifyConsistency(probe.size1, probe.size2, bytes(probe.root1), bytes(probe.root2), proof);
    expect(verdict, file).toBe(!probe.wantErr);
    good += verdict ? 1 : 0;
  }
  expect(good).toBe(6);
});

describe('transparency-dev/merkle (Apache-2.0), one happy path each', () => {
  const root = bytes('XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=');
  const left = 'yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=';
  const right = '037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=';

  test('inclusion of leaf 5 in 8', () => {
    const proof = ['vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=', left, right].map(bytes);
    const leaf = bytes('QnGia+DYqE8L1UyMMC58s6O10fpngKQLzOKHNHfatlg=');
    expect(verifyInclusion(5, 8, leaf, proof, root)).toBe(true);
    expect(verifyInclusion(4, 8, leaf, proof, root)).toBe(false);
  });

  test('consistency of 6 with 8', () => {
    const proof = ['DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=', left, right].map(bytes);
    const root6 = bytes('duZ9rbzfHhDht03cYIq9L5jfsW+851J3tSMqEn8gh+8=');
    expect(verifyConsistency(6, 8, root6, root, proof)).toBe(true);
    expect(verifyConsistency(5, 8, root6, root, proof)).toBe(false);
  });

  test('the same tree from its eight published leaves', () => {
    const data = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
    const frontier = new Frontier();
    for (const hex of data) frontier.append(leafHash(fromHex(hex)!));
    expect(frontier.root()).toEqual(root);
  });
});
