/** What every store promises, whatever it is made of: `ports.ts` as a suite. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Head, Index, Query, Row, Store } from '../../src/ports.ts';
import { artifact, batchAfter, type Content, isWhole } from './rows.ts';

/** Opens a new empty chain, and further handles on the same one; a store without handles returns itself. */
export type Open = () => Promise<{ readonly store: Store; again(): Promise<Store> }>;

const ALL: Query = { after: -1, limit: 100_000 };
const [root, left, right, leaf] = ['root', 'left', 'right', 'leaf'].map(artifact) as [string, string, string, string];
/** root → left → leaf, root → right. */
const WRITTEN: readonly Content[] = [
  { kind: 'GENESIS' },
  { kind: 'ARTIFACT_CREATED', names: [root] },
  { kind: 'DELEGATION', names: [root, left], within: [root, left] },
  { kind: 'DELEGATION', names: [root, right], within: [root, right] },
  { kind: 'DECISION', names: [left], within: [left, root] },
  { kind: 'DELEGATION', names: [left, leaf], within: [root, left, leaf] },
  { kind: 'DECISION', names: [leaf], within: [root, left, leaf] },
  { kind: 'DECISION', names: [root], within: [root] },
];

export function storeContract(name: string, open: Open): void {
  const opened: Store[] = [];
  const start = async () => {
    const { store, again } = await open();
    opened.push(store);
    return {
      store,
      again: async () => {
        const other = await again();
        opened.push(other);
        return other;
      },
    };
  };
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  const append = (store: Store, contents: readonly Content[], size = 0) =>
    store.commit(size, (_, head) => batchAfter(head, contents));
  const numbers = async (store: Store, query: Partial<Query>) =>
    (await store.read({ ...ALL, ...query })).rows.map(({ sequence_number }) => sequence_number);

  describe(`the contract of a store: ${name}`, () => {
    test('an empty chain', async () => {
      const { store } = await start();
      expect(await store.read(ALL)).toEqual({ rows: [], head: null });
      let seen: unknown;
      await store.commit(0, (...[news, at]) => {
        seen = [news, at];
        return null;
      });
      expect(seen).toEqual([[], null]);
      expect(await store.read(ALL)).toEqual({ rows: [], head: null });
    });

    test('what is told early is written with the rest, once, and with nothing else of a batch that fails', async () => {
      const { store, again } = await start();
      const inPieces = (size: number, fail: boolean) =>
        store.commit(size, (_, head, early) => {
          const batch = batchAfter(head, [...WRITTEN, {}, {}]);
          early?.(batch.rows.slice(0, 4));
          early?.(batch.rows.slice(4, 5));
          if (fail) throw new Error('the rest is refused');
          return batch;
        });
      await expect(inPieces(0, true)).rejects.toThrow('the rest is refused');
      expect(await store.read(ALL)).toEqual({ rows: [], head: null });
      await inPieces(0, false);
      await expect(inPieces(10, true)).rejects.toThrow('the rest is refused');
      await inPieces(10, false);
      for (const handle of [store, await again()]) {
        const { rows, head } = await handle.read(ALL);
        expect(rows).toHaveLength(20);
        expect(isWhole(rows, head)).toBe(true);
        expect(await numbers(handle, { names: left })).toEqual([2, 4, 5, 12, 14, 15]);
        expect(await numbers(handle, { within: root })).toEqual([1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15, 16, 17]);
      }
    });

    test('what was committed is durable for whoever has seen it', async () => {
      const { store, again } = await start();
      await store.durable({ size: 0, entry_hash: '' }, true);
      await append(store, WRITTEN);
      const other = await again();
      for (const [handle, idle] of [
        [store, true],
        [other, false],
        [other, true],
      ] as const) {
        const { head } = await handle.read(ALL);
        await handle.durable(head!, idle);
      }
      await append(other, [{}], WRITTEN.length);
      const { head } = await store.read(ALL);
      await Promise.all([store.durable(head!, false), other.durable(head!, false), store.durable(head!, true)]);
    });

    test('what was committed is read back, by every handle, byte for byte', async () => {
      const { store, again } = await start();
      const other = await again();
      const batch = batchAfter(null, [{ note: 'é \u{1f600} \u0000 "\\' }, { note: '' }]);
      await store.commit(0, () => batch);
      for (const each of [store, other, await again()]) {
        const page = await each.read(ALL);
        expect(page).toEqual({ rows: batch.rows.map((row) => ({ ...row, names: [], within: [] })), head: batch.head });
        expect(isWhole(page.rows, page.head)).toBe(true);
      }
    });

    test.each<[string, Partial<Query>, number[]]>([
      ['all', {}, [0, 1, 2, 3, 4, 5, 6, 7]],
      ['after', { after: 4 }, [5, 6, 7]],
      ['after the last', { after: 7 }, []],
      ['after the end of numbers', { after: Number.MAX_SAFE_INTEGER }, []],
      ['limit', { after: 1, limit: 3 }, [2, 3, 4]],
      ['limit 0', { limit: 0 }, []],
      ['kind', { kind: 'DELEGATION' }, [2, 3, 5]],
      ['kind, after, limit', { kind: 'DELEGATION', after: 2, limit: 1 }, [3]],
      ['a kind that never happened', { kind: 'EXPIRY' }, []],
      ['a kind that is no kind', { kind: "' OR 1=1 --" }, []],
      ['names', { names: root }, [1, 2, 3, 7]],
      ['names, after, limit', { names: root, after: 1, limit: 2 }, [2, 3]],
      ['names a leaf', { names: leaf }, [5, 6]],
      ['within the root', { within: root }, [1, 2, 3, 4, 5, 6, 7]],
      ['within a child', { within: left }, [2, 4, 5, 6]],
      ['within a child, after, limit', { within: left, after: 2, limit: 2 }, [4, 5]],
      ['within a sibling', { within: right }, [3]],
      ['within a leaf', { within: leaf }, [5, 6]],
      ['within and kind', { within: left, kind: 'DECISION' }, [4, 6]],
      ['names and kind', { names: root, kind: 'DELEGATION' }, [2, 3]],
      ['names and within', { names: root, within: left }, [2]],
      ['names, within and kind', { names: leaf, within: root, kind: 'DECISION', limit: 1 }, [6]],
      ['an artifact that nobody named', { names: artifact('stranger') }, []],
      ['what is no hash', { within: 'x' }, []],
      ['upper case', { within: root.toUpperCase() }, []],
    ])('read: %s', async (_, query, expected) => {
      const { store } = await start();
      await append(store, WRITTEN.slice(0, 3));
      await append(store, WRITTEN.slice(3), 3);
      expect(await numbers(store, query)).toEqual(expected);
      expect((await store.read({ ...ALL, ...query })).head?.size).toBe(8);
    });

    test('any question is answered as by reading everything', async () => {
      const { store } = await start();
      let seed = 7;
      const draw = (below: number): number => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed % below;
      };
      const [kinds, people] = [['A', 'B', 'RARE'], ['p', 'q', 'r', 's', 'nobody'].map(artifact)];
      const contents = Array.from({ length: 300 }, (_, i): Content => {
        const names = people.slice(0, 4).filter(() => draw(4) === 0);
        const above = people.slice(0, 4).filter((one) => !names.includes(one) && draw(5) === 0);
        return { kind: i % 97 === 5 ? 'RARE' : kinds[draw(2)]!, names, within: [...names, ...above], note: `${i}` };
      });
      await append(store, contents.slice(0, 200));
      await append(store, contents.slice(200), 200);
      const maybe = <T>(list: readonly T[]): T | undefined => (draw(3) === 0 ? undefined : list[draw(list.length)]);
      for (let round = 0; round < 250; round++) {
        const [kind, names, within] = [maybe(kinds), maybe(people), maybe(people)];
        const [after, limit] = [draw(4) === 0 ? -1 : draw(310), draw(4) === 0 ? 1000 : draw(20)];
        const fits = ({ kind: own, names: named = [], within: inside = [] }: Content): boolean =>
          (kind === undefined || own === kind) &&
          (names === undefined || named.includes(names)) &&
          (within === undefined || inside.includes(within));
        const expected = contents.flatMap((content, at) => (at > after && fits(content) ? [at] : [])).slice(0, limit);
        const query = { after, limit, ...(kind && { kind }), ...(names && { names }), ...(within && { within }) };
        expect({ query, found: await numbers(store, query) }).toEqual({ query, found: expected });
      }
    });

    test('a writer that has fallen behind is shown what it missed, and the head', async () => {
      const { store, again } = await start();
      const other = await again();
      await append(store, WRITTEN.slice(0, 2));
      await append(other, WRITTEN.slice(2, 5), 2);
      const { rows, head } = await store.read({ after: 1, limit: 10 });
      let shown: { news: readonly Row[]; head: Head | null } | undefined;
      await store.commit(2, (news, at) => {
        shown = { news, head: at };
        return batchAfter(at, WRITTEN.slice(5));
      });
      expect(shown).toEqual({ news: rows, head });
      await other.commit(8, (news, at) => {
        shown = { news, head: at };
        return null;
      });
      expect(shown).toMatchObject({ news: [], head: { size: 8 } });
    });

    test('a writer that is ahead of the store sees no news, and the head that there is', async () => {
      const { store } = await start();
      await append(store, WRITTEN.slice(0, 2));
      const shown = await new Promise((resolve, reject) => {
        const ahead = store.commit(5, (news, head) => {
          resolve({ news, head });
          return null;
        });
        ahead.catch(reject);
      });
      expect(shown).toMatchObject({ news: [], head: { size: 2 } });
    });

    test('what decide throws is passed on, and nothing is written', async () => {
      const { store } = await start();
      await append(store, WRITTEN.slice(0, 1));
      const fault = new Error('no');
      await expect(
        store.commit(1, () => {
          throw fault;
        }),
      ).rejects.toBe(fault);
      expect(await numbers(store, {})).toEqual([0]);
      await append(store, WRITTEN.slice(1), 1);
      expect(await numbers(store, {})).toHaveLength(8);
    });

    test('a batch that does not follow is refused whole', async () => {
      const { store } = await start();
      await append(store, WRITTEN.slice(0, 2));
      const before = await store.read(ALL);
      const good = batchAfter(before.head, WRITTEN.slice(2));
      const bad = [
        { ...good, rows: [] },
        { ...good, rows: good.rows.slice(1) },
        { ...good, rows: good.rows.slice(0, -1) },
        { ...good, rows: good.rows.toReversed() },
        { ...good, head: before.head! },
        { ...good, head: { ...good.head, entry_hash: artifact('other') } },
        batchAfter(null, WRITTEN),
        { ...good, rows: good.rows.with(3, { ...good.rows[3]!, sequence_number: 0 }) },
      ];
      for (const batch of bad) await expect(store.commit(2, () => batch)).rejects.toThrow(TypeError);
      expect(await store.read(ALL)).toEqual(before);
      expect(await numbers(store, { within: leaf })).toEqual([]);
      await store.commit(2, () => good);
      expect(await numbers(store, { within: leaf })).toEqual([5, 6]);
    });

    test('decide is called once for each commit that resolves', async () => {
      const { store } = await start();
      let calls = 0;
      for (let i = 0; i < 5; i++)
        await store.commit(i, (_, head) => {
          calls += 1;
          return batchAfter(head, [{}]);
        });
      expect(calls).toBe(5);
    });

    test('commits at the same time follow each other; reads beside them see whole batches', async () => {
      const { store, again } = await start();
      const handles = [store, await again(), await again()];
      const pages: Promise<void>[] = [];
      const writers = handles.flatMap((handle, w) =>
        Array.from({ length: 4 }, async (_, v) => {
          for (let i = 0; i < 8; i++) {
            await append(handle, [{ note: `${w}.${v}.${i}` }, { note: 'second' }, { note: 'third' }]);
            pages.push(
              handle.read(ALL).then(({ rows, head }) => {
                expect(rows.length).toBe(head?.size);
                expect(rows.length % 3).toBe(0);
              }),
            );
          }
        }),
      );
      await Promise.all(writers);
      await Promise.all(pages);
      const { rows, head } = await store.read(ALL);
      expect(rows).toHaveLength(12 * 8 * 3);
      expect(isWhole(rows, head)).toBe(true);
    });

    test('ten thousand entries', async () => {
      const { store, again } = await start();
      for (let size = 0; size < 10_000; size += 1000)
        await append(
          store,
          Array.from({ length: 1000 }, (_, i) => ({ ...WRITTEN[i % 8]!, note: `${size + i}` })),
          size,
        );
      const reader = await again();
      const { rows, head } = await reader.read(ALL);
      expect(isWhole(rows, head)).toBe(true);
      expect(await numbers(reader, { after: 9000, limit: 2, kind: 'GENESIS' })).toEqual([9008, 9016]);
      expect(await numbers(reader, { within: root, after: 9990 })).toEqual(
        [9991, 9992, 9993, 9994, 9995, 9996, 9997, 9998, 9999].filter((n) => n % 8 !== 0),
      );
      expect((await numbers(reader, { names: leaf })).length).toBe(2500);
    });
  });
}

/** What an audit asks of the index by artifact, of a store that shows it. */
export function indexContract(name: string, open: () => Promise<Store & Index>): void {
  test(`the index of a store: ${name}`, async () => {
    const store = await open();
    const tallied = async (size: number) => {
      const counts: Record<string, number> = {};
      for await (const part of store.tally(size))
        for (const { artifact, many } of part) counts[artifact] = (counts[artifact] ?? 0) + many;
      return counts;
    };
    const rounds = async (from: number, to: number) => {
      const contents = Array.from({ length: to - from }, () => WRITTEN).flat();
      await store.commit(from * WRITTEN.length, (_, head) => batchAfter(head, contents));
    };
    expect(await tallied(0)).toEqual({});
    await rounds(0, 1);
    const held = [
      { artifact: root, direct: 1, seq: 3 },
      { artifact: root, direct: 0, seq: 6 },
      { artifact: leaf, direct: 1, seq: 6 },
    ] as const;
    const not = [
      { artifact: root, direct: 0, seq: 3 },
      { artifact: right, direct: 1, seq: 6 },
      { artifact: leaf, direct: 1, seq: 8 },
    ] as const;
    expect(await store.lacking([])).toEqual([]);
    expect(new Set(await store.lacking([...not, ...held]))).toEqual(new Set(not));
    expect(await tallied(8)).toEqual({ [root]: 7, [left]: 4, [right]: 1, [leaf]: 2 });
    expect(await tallied(3)).toMatchObject({ [root]: 2, [left]: 1 });
    // More than a part of it.
    await rounds(1, 1500);
    expect(await tallied(12_000)).toEqual({ [root]: 10_500, [left]: 6000, [right]: 1500, [leaf]: 3000 });
    await store.close();
  });
}
