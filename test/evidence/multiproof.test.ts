import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/encoding.ts';
import { inclusionProof, rootOf } from '../../src/chain/proof.ts';
import { Frontier, leafHash } from '../../src/chain/tree.ts';
import { multiproof, provenRoot } from '../../src/evidence/multiproof.ts';
import { proofParts } from '../../src/evidence/proving.ts';
import { readTile, TILE_WIDTH, withNodes } from '../../src/evidence/tiles.ts';
import type { TreeNode } from '../../src/ports.ts';
import { nodesOf } from '../chain/nodes.ts';

const texts = (count: number): string[] => Array.from({ length: count }, (_, i) => `entry ${i}`);
const leavesOf = (count: number): Uint8Array[] => texts(count).map((text) => leafHash(text));
const rootAt = (count: number): string => {
  const frontier = Frontier.of(0, []);
  for (const leaf of leavesOf(count)) frontier.append(leaf);
  return toHex(frontier.root());
};
const chosen = fc
  .integer({ min: 1, max: 70 })
  .chain((size) => fc.tuple(fc.constant(size), fc.subarray([...Array(size).keys()], { minLength: 1 })));

describe('a proof for many entries', () => {
  it('adds up to the root for every choice of entries, and to nothing with a hash more or less', () => {
    fc.assert(
      fc.property(chosen, ([size, indexes]) => {
        const proof = multiproof(nodesOf(leavesOf(size)), indexes, size);
        const entries = indexes.map((index) => texts(size)[index]!);
        const root = (some: readonly Uint8Array[]) => provenRoot(indexes, (at) => leafHash(entries[at]!), size, some);
        expect(toHex(root(proof)!)).toBe(rootAt(size));
        expect(root([...proof, leafHash('more')])).toBeUndefined();
        if (proof.length > 0) expect(root(proof.slice(1))).toBeUndefined();
      }),
    );
  });

  it('of one entry has the hashes of its inclusion proof', () => {
    for (const size of [1, 2, 3, 7, 64, 65]) {
      for (const index of [0, size >> 1, size - 1]) {
        const nodes = nodesOf(leavesOf(size));
        const sorted = (hashes: readonly Uint8Array[]) => hashes.map(toHex).sort();
        expect(sorted(multiproof(nodes, [index], size))).toEqual(sorted(inclusionProof(nodes, index, size)));
      }
    }
  });

  it('of all entries is empty, of an exchanged or changed entry wrong', () => {
    expect(multiproof(nodesOf(leavesOf(33)), [...Array(33).keys()], 33)).toEqual([]);
    const proof = multiproof(nodesOf(leavesOf(33)), [3, 20], 33);
    const root = (indexes: number[], entries: string[]) =>
      provenRoot(indexes, (at) => leafHash(entries[at]!), 33, proof);
    expect(toHex(root([3, 20], ['entry 3', 'entry 20'])!)).toBe(rootAt(33));
    expect(toHex(root([3, 20], ['entry 20', 'entry 3'])!)).not.toBe(rootAt(33));
    expect(toHex(root([3, 20], ['entry 3', 'entry 2'])!)).not.toBe(rootAt(33));
    const nonsense: [number[], number][] = [
      [[20, 3], 33],
      [[3, 3], 33],
      [[3, 33], 33],
      [[-1, 3], 33],
      [[1.5], 33],
      [[0], 0],
    ];
    for (const [indexes, size] of nonsense) {
      expect(provenRoot(indexes, (at) => leafHash(String(at)), size, proof)).toBeUndefined();
      expect(() => multiproof(nodesOf(leavesOf(33)), indexes, size)).toThrow(TypeError);
    }
  });
});

/** What a store keeps of a chain of so many entries; `forgetful` like one that an older version wrote. */
function stored(size: number, forgetful = false) {
  const kept = new Map<number, string[]>([[0, leavesOf(size).map(toHex)]]);
  const frontier = Frontier.of(0, []);
  const nodes: TreeNode[] = [];
  for (const leaf of leavesOf(size)) {
    frontier.append(leaf, (level, index, root) => {
      if (level % 8 === 0) nodes.push({ level, index, hash: toHex(root) });
    });
  }
  for (const { level, index, hash } of forgetful ? [] : nodes)
    kept.set(level, (kept.get(level) ?? []).toSpliced(index, 0, hash));
  let asked = 0;
  return {
    asked: () => asked,
    async nodes(level: number, first: number, count: number) {
      asked += 1;
      return (kept.get(level) ?? []).slice(first, first + count);
    },
  };
}

describe('the tree as it is stored', () => {
  it('gives every node, whether the upper ones were kept or must be computed', async () => {
    for (const size of [1, 255, 256, 257, 1000, 1024]) {
      const nodes = nodesOf(leavesOf(size));
      const indexes = [0, size >> 1, size - 1].filter((each, i, all) => all.indexOf(each) === i);
      const wanted = multiproof(nodes, indexes, size).map(toHex);
      for (const forgetful of [false, true]) {
        const source = stored(size, forgetful);
        const proof = await withNodes(source, size, (each) => multiproof(each, indexes, size));
        expect(proof.map(toHex)).toEqual(wanted);
        expect(await withNodes(source, size, (each) => toHex(rootOf(each, 0, size)))).toBe(rootAt(size));
      }
    }
  });

  it('is read in a few tiles', async () => {
    const source = stored(70_000);
    await withNodes(source, 70_000, (nodes) => multiproof(nodes, [40_000], 70_000));
    expect(source.asked()).toBeLessThan(6);
    expect((await readTile(source, 0, 273, 70_000)).length).toBe(112);
    expect((await readTile(source, 8, 1, 70_000)).length).toBe(17);
    expect((await readTile(source, 16, 0, 70_000)).length).toBe(1);
    expect((await readTile(source, 0, 0, 70_000)).length).toBe(TILE_WIDTH);
  });

  it('that lacks entries is broken', async () => {
    const source = stored(10);
    await expect(withNodes(source, 11, (nodes) => multiproof(nodes, [0], 11))).rejects.toMatchObject({
      code: 'CHAIN_BROKEN',
    });
  });
});

describe('a proof in parts', () => {
  it('is the same as one that is made at once, however large the tree, and ends in its root', async () => {
    const size = 20_000;
    const leaves = leavesOf(size);
    const nodes = nodesOf(leaves);
    const stored = leaves.map(toHex);
    const source = {
      nodes: async (level: number, first: number, count: number) =>
        level === 0 ? stored.slice(first, first + count) : [],
    };
    const some = [
      [0],
      [size - 1],
      [16_383, 16_384],
      [...Array(300).keys()].map((n) => n * 61),
      [...Array(size).keys()],
    ];
    for (const indexes of some) {
      const hashes: Uint8Array[] = [];
      const parts = proofParts(source, indexes, size);
      let part = await parts.next();
      for (; !part.done; part = await parts.next()) hashes.push(...part.value);
      expect(hashes.map(toHex)).toEqual(multiproof(nodes, indexes, size).map(toHex));
      expect(toHex(part.value)).toBe(toHex(rootOf(nodes, 0, size)));
    }
    expect(() => proofParts(source, [1, 1], size)).toThrow(TypeError);
  });
});
