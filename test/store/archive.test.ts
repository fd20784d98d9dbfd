import { cpSync, existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Disk } from '../../src/archiving/disk.ts';
import { Refusal } from '../../src/base/refusal.ts';
import { bundleOf, entriesOf, tilePath } from '../../src/base/tlog-tiles.ts';
import type { Store, Tree } from '../../src/ports.ts';
import type { Shelf } from '../../src/store/archive/shelf.ts';
import { postgresShelf } from '../../src/store/postgres/archive.ts';
import { GRANTS } from '../../src/store/postgres/schema.ts';
import { kernel, refusal, START } from '../kernel.ts';
import { directory } from '../scratch.ts';
import { type Chained, go, inFile, inPostgres, live, portrait } from './archiving.ts';
import { missing, type Server, server } from './postgres.server.ts';

test('paths and bundles are those of C2SP tlog-tiles', () => {
  expect(tilePath('entries', 1234067)).toBe('tile/entries/x001/x234/067');
  expect(tilePath(2, 5, 17)).toBe('tile/2/005.p/17');
  const texts = ['', 'a', 'ü✓', 'x'.repeat(0xffff)];
  expect(entriesOf(bundleOf(texts)!)?.map((bytes) => Buffer.from(bytes).toString())).toEqual(texts);
  expect(bundleOf(['x'.repeat(0x10000)])).toBeUndefined();
  for (const cut of [1, 3, 5]) expect(entriesOf(bundleOf(texts)!.subarray(0, -cut))).toBeUndefined();
});

interface Ground {
  readonly name: string;
  readonly skip: boolean;
  chain(): Promise<Chained>;
}

let pg: Server;
let url: string;
let chains = 0;
beforeAll(async () => {
  if (missing !== undefined) return;
  pg = await server();
  url = await pg.database();
});
afterAll(() => pg?.stop());

const GROUNDS: readonly Ground[] = [
  {
    name: 'SQLite',
    skip: false,
    chain: async () => inFile(directory()),
  },
  { name: 'PostgreSQL', skip: missing !== undefined, chain: async () => inPostgres(url, `chain-${chains++}`) },
];

describe.each(GROUNDS.filter(({ skip }) => !skip))('an archived chain: $name', ({ name, chain }) => {
  const opened: { close(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });
  const opening = async (chained: Chained, folder?: string): Promise<Store & Tree> => {
    const store = await chained.open(folder);
    opened.push(store);
    return store;
  };

  /** A chain that has lived, and how it looked then. */
  async function lived(entries: number, seed = 1) {
    const chained = await chain();
    const store = await opening(chained);
    const k = kernel({ store });
    const artifacts = await live(k, entries, seed);
    return { chained, store, k, artifacts, before: await portrait(store, artifacts) };
  }

  /** Numbers of the entries whose text is not in the database. */
  async function bare(chained: Chained): Promise<number[]> {
    const store = await chained.bare();
    const { rows } = await store.read({ after: -1, limit: 1_000_000 });
    await store.close();
    return rows.filter(({ entry }) => entry === '').map(({ sequence_number }) => sequence_number);
  }

  test('any chain, archived at any places, answers everything as before', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 300, max: 1100 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.array(fc.integer({ min: 0, max: 1200 }), { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        async (entries, seed, cuts, later) => {
          const { chained, k, artifacts, before } = await lived(entries, seed);
          const folder = directory();
          for (const cut of cuts) await go({ chained, folder, before: cut, ...(later && { now: k.clock.now + 1e9 }) });
          const size = (before as { size: number }).size;
          const end = Math.max(...cuts.map((cut) => Math.floor(Math.min(cut, size - 1) / 256) * 256));
          const gone = await bare(chained);
          expect(gone.every((at) => at > 0 && at < end)).toBe(true);
          if (later) expect(gone).toHaveLength(Math.max(0, end - 1));
          const fresh = await opening(chained);
          expect(await portrait(fresh, artifacts)).toEqual(before);
          // The chain goes on, for who was there before and for who comes now.
          await k.call('aga_create_artifact', {});
          expect((await kernel({ store: fresh, clock: k.clock }).call('aga_create_artifact', {})).success).toBe(true);
          expect((await kernel({ store: fresh }).audit()).findings).toEqual([]);
        },
      ),
      { numRuns: name === 'SQLite' ? 5 : 3 },
    );
  });

  test('what is live stays in the database too, until it is over', async () => {
    const { chained, k, artifacts, before } = await lived(900);
    const folder = directory();
    const first = await go({ chained, folder, before: 800 });
    expect(first.spared).toBeGreaterThan(3);
    const rest = await bare(chained);
    expect(rest.length + first.spared).toBe(768);
    const again = await go({ chained, folder, before: 800 });
    expect(again).toEqual({ removed: 0, spared: first.spared });
    const over = await go({ chained, folder, before: 800, now: k.clock.now + 1e9 });
    expect(over.removed).toBe(first.spared - 1);
    expect(await bare(chained)).toHaveLength(767);
    expect(await portrait(await opening(chained), artifacts)).toEqual(before);
  });

  test('each effect failing, done or not: everything is readable, and another run finishes', async () => {
    let failures = 0;
    for (const way of ['before', 'after'] as const) {
      for (let at = 1, failed = true; failed; at++) {
        const { chained, artifacts, before } = await lived(300);
        const folder = directory();
        let effects = 0;
        const fails =
          <A extends unknown[], R>(act: (...given: A) => Promise<R>) =>
          async (...given: A): Promise<R> => {
            const own = ++effects;
            if (own === at && way === 'before') throw new Error('failed');
            const done = await act(...given);
            if (own === at) throw new Error('failed');
            return done;
          };
        const shelf = (own: Shelf): Shelf => ({
          ...own,
          record: fails(own.record),
          thin: fails(own.thin),
          tidy: fails(own.tidy),
        });
        // The files do not know which database they come from.
        const disk = (own: Disk): Disk =>
          name === 'SQLite' ? { ...own, write: fails(own.write), settle: fails(own.settle) } : own;
        failed = await go({ chained, folder, before: 300, shelf, disk }).then(
          () => false,
          () => true,
        );
        if (failed) failures += 1;
        // Whatever has left the database stands in the files.
        if (at % 2 === 0) expect(await portrait(await opening(chained), artifacts)).toEqual(before);
        if ((await bare(chained)).length > 0) expect(existsSync(join(folder, 'tile/entries/000'))).toBe(true);
        await go({ chained, folder, before: 300 });
        expect((await bare(chained)).length).toBeGreaterThan(150);
        if (at % 2 === 1) expect(await portrait(await opening(chained), artifacts)).toEqual(before);
        for (const each of opened.splice(0)) await each.close();
      }
    }
    expect(failures).toBeGreaterThan(name === 'SQLite' ? 16 : 5);
  }, 60_000);

  test.each([false, true])('of two runs at once one stands, and nothing is lost: %s', async (begun) => {
    const { chained, artifacts, before } = await lived(900);
    const folder = directory();
    if (begun) await go({ chained, folder, before: 256 });
    const other = directory();
    // Another run, to another folder and further, ends between what this one has copied and what it records.
    const late = (own: Shelf): Shelf => ({
      ...own,
      async record(...given) {
        await go({ chained, folder: other, before: 800 });
        return own.record(...given);
      },
    });
    expect((await refusal(go({ chained, folder, before: 512, shelf: late }))).code).toBe('CHAIN_CONTENDED');
    expect(await chained.shelf().archived()).toMatchObject({ folder: other, size: 768, removed: 768 });
    expect(await portrait(await opening(chained), artifacts)).toEqual(before);
  });

  test('a move to another folder claims no more than stands there', async () => {
    const { chained, artifacts, before } = await lived(900);
    const stop = (own: Shelf): Shelf => ({ ...own, thin: async () => Promise.reject(new Error('killed')) });
    await expect(go({ chained, folder: directory(), before: 800, shelf: stop })).rejects.toThrow('killed');
    const folder = directory();
    await go({ chained, folder, before: 300 });
    expect(await chained.shelf().archived()).toMatchObject({ folder, size: 256, removed: 256 });
    expect(await portrait(await opening(chained), artifacts)).toEqual(before);
  });

  test('a file that lies when it is read back keeps everything in the database', async () => {
    const { chained } = await lived(600);
    for (const spoil of ['tile/entries/000', 'tile/0/001', 'tile/1/000.p/2']) {
      const folder = directory();
      const disk = (own: Disk): Disk => ({
        ...own,
        async settle() {
          await own.settle();
          const bytes = readFileSync(join(folder, spoil));
          bytes[40]! ^= 1;
          writeFileSync(join(folder, spoil), bytes);
        },
      });
      const { code } = await refusal(go({ chained, folder, before: 600, disk }));
      expect(code).toBe('CHAIN_BROKEN');
      expect(await bare(chained)).toEqual([]);
    }
    expect((await go({ chained, folder: directory(), before: 600 })).removed).toBeGreaterThan(400);
  });

  test('a folder that is away is named, and nothing is called broken; elsewhere it is found', async () => {
    const { chained, artifacts, before } = await lived(600);
    const [folder, elsewhere] = [directory(), directory()];
    await go({ chained, folder, before: 512 });
    renameSync(folder, elsewhere);
    const store = await opening(chained);
    const away = await refusal(store.read({ after: 300, limit: 5 }));
    expect(away.code).toBe('INTERNAL');
    expect(away.message).toMatch(
      /Entries 256 to 511 were moved to the archive, and its file tile\/entries\/001 is not there/,
    );
    expect(away.hint).toMatch(/AGA_ARCHIVE_DIR/);
    expect(JSON.stringify(away)).not.toContain(folder);
    expect((await store.read({ after: 520, limit: 5 })).rows).toHaveLength(5);
    expect(await portrait(await opening(chained, elsewhere), artifacts)).toEqual(before);
    renameSync(elsewhere, folder);
    expect((await store.read({ after: 300, limit: 5 })).rows).toHaveLength(5);
  });

  test('the folder of another chain is no broken chain', async () => {
    const [one, other] = [await lived(600), await lived(600, 2)];
    const [folder, wrong] = [directory(), directory()];
    await go({ chained: one.chained, folder, before: 512 });
    await go({ chained: other.chained, folder: wrong, before: 512 });
    // Both have the keys of the tests and so one name; in life each chain has its own.
    const note = readFileSync(join(wrong, 'checkpoint'), 'utf8');
    writeFileSync(join(wrong, 'checkpoint'), note.replaceAll('aga-delegate/test', 'aga-delegate/other'));
    const { code, message } = await refusal((await opening(one.chained, wrong)).read({ after: 255, limit: 256 }));
    expect([code, message]).toEqual(['INTERNAL', expect.stringMatching(/another chain/)]);
  });

  test('every changed, cut or exchanged file is found where it is read', async () => {
    const { chained } = await lived(600);
    const folder = directory();
    await go({ chained, folder, before: 512, now: START + 1e12 });
    const file = join(folder, 'tile/entries/001');
    const good = readFileSync(file);
    const spoilings: (() => void)[] = [
      () => truncateSync(file, good.length - 1),
      () => truncateSync(file, 0),
      () => writeFileSync(file, Buffer.concat([good, good.subarray(0, 2 + good.readUInt16BE())])),
      () => cpSync(join(folder, 'tile/entries/000'), file),
      ...[0.3, 0.5, 0.9].map((share) => () => {
        const bytes = Buffer.from(good);
        bytes[Math.floor(share * bytes.length)]! ^= 0x20;
        writeFileSync(file, bytes);
      }),
    ];
    for (const spoil of spoilings) {
      spoil();
      const { code, message } = await refusal((await opening(chained)).read({ after: 255, limit: 256 }));
      expect([code, message]).toEqual(['CHAIN_BROKEN', expect.stringMatching(/tile\/entries\/001/)]);
      writeFileSync(file, good);
    }
    expect((await (await opening(chained)).read({ after: 255, limit: 256 })).rows).toHaveLength(256);
  });

  test('who stood still while what it has not seen was archived goes on where it was', async () => {
    const chained = await chain();
    const clock = { now: START };
    const [early, late] = [
      kernel({ store: await opening(chained), clock }),
      kernel({ store: await opening(chained), clock }),
    ];
    await early.call('aga_create_artifact', {});
    await live(late, 700, 3);
    await go({ chained, folder: directory(), before: 700, now: START + 1e12 });
    expect((await early.call('aga_create_artifact', {})).success).toBe(true);
    expect((await late.audit()).findings).toEqual([]);
  });

  test('to another folder everything goes again, and then the first is not needed', async () => {
    const { chained, artifacts, before } = await lived(900);
    const [first, second] = [directory(), directory()];
    const store = await opening(chained);
    await go({ chained, folder: first, before: 300 });
    expect((await store.read({ after: 10, limit: 1 })).rows).toHaveLength(1);
    await go({ chained, folder: second, before: 800 });
    rmSync(first, { recursive: true });
    expect(await portrait(await opening(chained), artifacts)).toEqual(before);
    // Who has asked before where the archive is asks again, if that was not a moment ago.
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect((await store.read({ after: 100, limit: 1 })).rows).toHaveLength(1);
  });

  test('a folder with the archive of another chain is refused', async () => {
    const [one, other] = [await lived(600), await lived(600, 2)];
    const folder = directory();
    writeFileSync(
      join(folder, 'checkpoint'),
      'somebody.else/log\n5\nNmQuc8JUCrEh46a/lUWwokmCzYMOsT080Z3jzmwCHsE=\n\n— x y\n',
    );
    expect((await refusal(go({ chained: one.chained, folder, before: 512 }))).message).toMatch(/another chain/);
    expect(await bare(one.chained)).toEqual([]);
    expect((await go({ chained: other.chained, folder: directory(), before: 512 })).removed).toBeGreaterThan(0);
  });

  test('text that somebody has taken out without an archive is a broken chain', async () => {
    const { chained } = await lived(600);
    const folder = directory();
    await go({ chained, folder, before: 256 });
    const store = await chained.bare();
    opened.push(store);
    const shelf = chained.shelf();
    opened.push(shelf);
    await expect(shelf.thin(0, 512, [])).rejects.toThrow();
    await expect(shelf.thin(300, 400, [])).rejects.toThrow();
    expect((await bare(chained)).every((at) => at < 256)).toBe(true);
  });
});

describe.skipIf(missing !== undefined)('who may archive in PostgreSQL', () => {
  const lived = async () => {
    const database = await pg.database();
    const chained = inPostgres(database, 'one');
    const store = await chained.open();
    await live(kernel({ store }), 600, 1);
    await store.close();
    return { database, chained };
  };

  test('entries stay as they are for everybody, the owner too, before and after', async () => {
    const { database, chained } = await lived();
    const prefers = postgresShelf({ url: database, owner: `${database}?sslmode=prefer`, chain: 'one' });
    await prefers.mayRemove();
    await prefers.tidy(false);
    await prefers.close();
    await go({ chained, folder: directory(), before: 512, compact: true });
    for (const statement of [
      "UPDATE aga.entries SET entry = ''",
      'UPDATE aga.entries SET seq = seq WHERE false',
      'DELETE FROM aga.entries',
      'TRUNCATE aga.entries',
    ]) {
      await expect(pg.sql(database, statement)).rejects.toThrow(/only grows/);
      await expect(pg.sql(database, 'SET session_replication_role = replica', statement)).rejects.toThrow(/only grows/);
    }
    await expect(pg.sql(database, 'SELECT aga.thin(1, 0, 600, ARRAY[]::bigint[])')).rejects.toThrow(
      /no archive covers/,
    );
    await expect(pg.sql(database, 'SELECT aga.thin(7, 0, 256, ARRAY[]::bigint[])')).rejects.toThrow(
      /no archive covers/,
    );
  });

  test('a replica reads what was archived, and can neither archive nor record', async () => {
    const { database, chained } = await lived();
    const name = `reader_${Date.now().toString(36)}`;
    await pg.sql(database, `CREATE ROLE ${name} LOGIN`, ...GRANTS.map((grant) => grant.replace('%ROLE%', name)));
    const as = new URL(database);
    as.username = name;
    const folder = directory();
    await go({ chained, folder, before: 512 });
    const store = await inPostgres(as.href, 'one').open();
    expect((await store.read({ after: 5, limit: 100 })).rows.every(({ entry }) => entry !== '')).toBe(true);
    await store.close();
    for (const statement of [
      'SELECT aga.thin(1, 0, 256, ARRAY[]::bigint[])',
      "UPDATE aga.archives SET folder = '/elsewhere'",
      'DELETE FROM aga.archives',
      "INSERT INTO aga.archives VALUES (2, 'x', 5, 0)",
    ])
      await expect(pg.sql(as.href, statement)).rejects.toThrow(/permission denied/);
    const shelf = postgresShelf({ url: database, owner: as.href, chain: 'one' });
    expect((await refusal(shelf.mayRemove())).message).toMatch(/does not own/);
    await shelf.close();
    await pg.sql(database, `DROP OWNED BY ${name}`, `DROP ROLE ${name}`);
  });

  test('an owner of another database takes nothing out of either', async () => {
    const [one, two] = [await lived(), await lived()];
    const crossed = postgresShelf({ url: one.database, owner: two.database, chain: 'one' });
    expect(await crossed.mayRemove().catch(String)).toMatch(/another database/);
    await crossed.close();
    const empty = postgresShelf({ url: one.database, owner: await pg.database(), chain: 'one' });
    expect(await empty.mayRemove().catch((error) => error)).toBeInstanceOf(Refusal);
    await empty.close();
    const away = postgresShelf({ url: one.database, owner: 'postgres://u:secret@127.0.0.1:1/x', chain: 'one' });
    expect(await refusal(away.mayRemove())).toMatchObject({ code: 'CHAIN_CONTENDED' });
    await away.close();
    const wrong = await refusal(
      (async () => postgresShelf({ url: one.database, owner: 'x://secret', chain: 'one' }))(),
    );
    expect(wrong.message).toMatch(/^AGA_OWNER_URL is not/);
    expect(JSON.stringify(wrong)).not.toContain('secret');
    const nobody = postgresShelf({ url: one.database, owner: null, chain: 'one' });
    expect((await refusal(nobody.mayRemove())).hint).toMatch(/AGA_OWNER_URL/);
    await nobody.close();
  });

  test('appends go on while entries leave', async () => {
    const { chained } = await lived();
    const store = await chained.open();
    const k = kernel({ store, clock: { now: START + 1e9 } });
    const going = go({ chained, folder: directory(), before: 512 });
    let made = 0;
    for (let done = false; !done; made++) {
      await k.call('aga_create_artifact', {});
      done = await Promise.race([going.then(() => true), new Promise<false>((r) => setImmediate(r, false))]);
    }
    expect(made).toBeGreaterThan(3);
    expect((await k.audit()).findings).toEqual([]);
    await store.close();
  });
});
