/** An export that is interrupted anywhere, and what lies there meanwhile changed by anybody. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { toDidKey } from '../../src/base/did-key.ts';
import { type Contents, seal } from '../../src/evidence/bundle.ts';
import type { Wanted } from '../../src/evidence/continued.ts';
import { type Exported, exportBundle } from '../../src/evidence/export.ts';
import { verifyBundle } from '../../src/evidence/verify.ts';
import type { Draft, Store, Tree } from '../../src/ports.ts';
import { openDraft } from '../../src/store/file-draft.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { KEYS } from '../kernel.ts';
import { directory } from '../scratch.ts';
import { MemoryDraft, MemoryStore } from '../store/memory.ts';
import { buildBundle } from './build.ts';
import { type LongChain, longChain } from './long-chain.ts';
import { scene } from './scene.ts';

const LENGTH = 3500;
let store: MemoryStore;
let chain: LongChain;
let whole: string;

beforeAll(async () => {
  store = new MemoryStore();
  chain = await longChain(store, LENGTH);
  whole = (await buildBundle(store, { artifact_hash: chain.root }, KEYS.log, chain.end)).text;
});

const LATER = 60_000;
const text = (draft: MemoryDraft): string => new TextDecoder().decode(draft.bytes());
const wanted = (): Wanted => ({ artifact_hash: chain.root });

function go(draft: Draft, { later = LATER, from = store, what = wanted() } = {}): Promise<Exported> {
  return exportBundle(from, what, draft, { log: KEYS.log, time: chain.end + later });
}

/** Writes so many bytes and then no more. */
function failing(draft: MemoryDraft, bytes: number): Draft {
  let left = bytes;
  return {
    notes: draft.notes,
    read: (count) => draft.read(count),
    rewind: (...to) => draft.rewind(...to),
    note: (line) => draft.note(line),
    async write(part) {
      await draft.write(part.subarray(0, left));
      left -= part.length;
      if (left < 0) throw new Error('interrupted');
    },
    close: async () => undefined,
  };
}

async function interruptedAt(bytes: number): Promise<MemoryDraft> {
  const draft = new MemoryDraft();
  await expect(go(failing(draft, bytes), { later: 0 })).rejects.toThrow('interrupted');
  return draft;
}

describe('a bundle that is written page by page', () => {
  it('has the bytes of one that is sealed as a whole', async () => {
    const { k, store, boss, lead, worker } = await scene();
    const subjects = [
      ...[boss, lead, worker].map((artifact_hash) => ({ artifact_hash })),
      { first: 9, last: 22 },
      { first: 0, last: 25 },
    ];
    for (const subject of subjects) {
      const draft = new MemoryDraft();
      const { entries } = await exportBundle(store, subject, draft, { log: KEYS.log, time: k.clock.now });
      const { seal: sealed, entries: values, ...rest } = JSON.parse(text(draft));
      const contents: Contents = { ...rest, entries: values.map((value: object) => JSON.stringify(value)) };
      expect(text(draft)).toBe(seal(contents, KEYS.log, Date.parse(sealed.time)));
      expect(text(draft)).toBe((await buildBundle(store, subject, KEYS.log, k.clock.now)).text);
      expect(entries).toBe(values.length);
    }
  });

  it('holds a proof that is made in several parts', async () => {
    const long = new MemoryStore();
    const { end } = await longChain(long, 9000);
    for (const first of [0, 2000, 8999]) {
      const { text } = await buildBundle(long, { first, last: first + 2 }, KEYS.log, end);
      expect(JSON.stringify(JSON.parse(text))).toBe(text);
      expect((await verifyBundle(text, { trust: toDidKey(KEYS.authority.publicKey) })).integrity.findings).toEqual([]);
    }
  });

  it('to the end of the chain goes as far as that is when it begins', async () => {
    const draft = new MemoryDraft();
    await go(draft, { what: { first: 10, last: null } });
    expect(JSON.parse(text(draft)).subject).toEqual({ first: 10, last: LENGTH + 1 });
  });
});

describe('an export that is interrupted', () => {
  it('goes on where it stopped, and ends with the same bytes as one that never was', async () => {
    const last = new TextEncoder().encode(whole).length;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: last - 1 }), async (bytes) => {
        const draft = await interruptedAt(bytes);
        const { kept } = await go(draft);
        expect([0, 1000, 2000, 3000, LENGTH + 2]).toContain(kept);
        // The pages that were written whole were noted.
        expect(kept).toBeGreaterThanOrEqual(1000 * Math.floor(Math.min(bytes, 1_800_000) / 600_000));
        const { time } = JSON.parse(text(draft)).seal;
        expect(Date.parse(time)).toBe(kept > 0 ? chain.end : chain.end + LATER);
        if (kept > 0) expect(text(draft)).toBe(whole);
      }),
      { numRuns: 12 },
    );
  });

  it('may be interrupted again and again', async () => {
    const draft = new MemoryDraft();
    let tries = 0;
    for (let done = false; !done; tries += 1) {
      done = await go(failing(draft, 800_000), { later: tries }).then(
        () => true,
        () => false,
      );
    }
    expect(tries).toBeGreaterThan(2);
    expect(text(draft)).toBe(whole);
  });

  it('is as of its beginning, however far the chain has gone on', async () => {
    const own = new MemoryStore();
    const growing = await longChain(own, LENGTH);
    const before = (await buildBundle(own, { artifact_hash: growing.root }, KEYS.log, growing.end)).text;
    const draft = new MemoryDraft();
    const exporting = { log: KEYS.log, time: growing.end };
    const wants = { artifact_hash: growing.root };
    await expect(exportBundle(own, wants, failing(draft, 1_500_000), exporting)).rejects.toThrow();
    await growing.grow(100);
    const { kept } = await exportBundle(own, wants, draft, { log: KEYS.log, time: growing.end + LATER });
    expect(kept).toBeGreaterThan(1000);
    expect(text(draft)).toBe(before);
  });

  it('is forgotten after a day, for another subject, on another chain', async () => {
    const fresh = async (options: Parameters<typeof go>[1]): Promise<number> =>
      (await go(await interruptedAt(1_500_000), options)).kept;
    expect(await fresh({})).toBeGreaterThan(0);
    expect(await fresh({ later: 24 * 3_600_000 })).toBe(0);
    expect(await fresh({ later: -1 })).toBe(0);
    expect(await fresh({ what: { first: 0, last: 100 } })).toBe(0);
    const shorter = new MemoryStore();
    await longChain(shorter, 10);
    expect(await fresh({ from: shorter })).toBe(0);
    // The same keys and the same root, and another history from the middle on.
    const other = new MemoryStore();
    await (await longChain(other, 1200)).grow(LENGTH, 'files/write');
    expect(await fresh({ from: other })).toBe(0);
  });
});

describe('what lies there', () => {
  const trust = toDidKey(KEYS.authority.publicKey);

  it('is worth nothing once a byte of it has changed', async () => {
    const honest = await interruptedAt(1_500_000);
    const notes = [...honest.notes];
    const again = (await buildBundle(store, wanted() as { artifact_hash: string }, KEYS.log, chain.end + LATER)).text;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: honest.bytes().length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, by) => {
          const bytes = honest.bytes().slice();
          bytes[at] = bytes[at]! ^ by;
          const draft = new MemoryDraft();
          await draft.write(bytes);
          for (const line of notes) await draft.note(line);
          const { kept } = await go(draft);
          // Whatever stands before the change may have been kept.
          expect([whole, again]).toContain(text(draft));
          if (kept > 0) expect(text(draft)).toBe(whole);
        },
      ),
      { numRuns: 10 },
    );
  });

  it('is worth nothing once its notes have', async () => {
    const honest = await interruptedAt(1_800_000);
    const size = honest.bytes().length;
    const [header = '', first = '', second = ''] = honest.notes;
    const swapped = JSON.stringify({ ...JSON.parse(first), places: [[0, 1500]] });
    const unsigned = JSON.stringify({ ...JSON.parse(first), signature: '' });
    const cases: readonly (readonly string[])[] = [
      [],
      [header],
      [header, second],
      [first, second],
      [header, swapped],
      [header, unsigned],
      [header.replace('"size":', '"size":1'), first],
      [header.replace(/"time":\d/, '"time":2'), first],
      ['{}', 'null'],
      ['', '', ''],
    ];
    for (const lines of cases) {
      const draft = new MemoryDraft();
      await draft.write(honest.bytes());
      for (const line of lines) await draft.note(line);
      expect([lines, (await go(draft)).kept]).toEqual([lines, 0]);
      expect((await verifyBundle(text(draft), { trust })).valid).toBe(true);
    }
    const cut = new MemoryDraft();
    await cut.write(honest.bytes().subarray(0, size / 2));
    for (const line of honest.notes) await cut.note(line);
    const { kept } = await go(cut);
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThan(3000);
    expect(text(cut)).toBe(whole);
  });

  it('is not sealed where somebody else writes to it meanwhile', async () => {
    const draft = new MemoryDraft();
    const meddled: Draft = Object.assign(failing(draft, Number.POSITIVE_INFINITY), {
      async write(part: Uint8Array) {
        await draft.write(draft.bytes().length > 1_000_000 ? part.map((byte, i) => (i === 5 ? 0 : byte)) : part);
      },
    });
    await expect(go(meddled)).rejects.toMatchObject({ code: 'CHAIN_CONTENDED' });
    expect(draft.bytes().length).toBe(0);
  });
});

describe('on disk', () => {
  async function place(): Promise<{ folder: string; store: Store & Tree; database: string; chain: LongChain }> {
    const folder = directory();
    const database = join(folder, 'chain.db');
    const store = openSqlite(database);
    onTestFinished(() => store.close());
    return { folder, store, database, chain: await longChain(store, LENGTH) };
  }
  const spawned = (...args: readonly string[]) =>
    spawnSync(process.execPath, ['--no-warnings', join(import.meta.dirname, 'exporting.process.ts'), ...args], {
      encoding: 'utf8',
    });

  it('a process that is killed leaves what the next one goes on with', async () => {
    const { folder, store, database, chain } = await place();
    const out = join(folder, 'evidence.json');
    const run = (time: number, die = '') => spawned(database, out, chain.root, String(time), die);
    expect(run(chain.end, '1500').signal).toBe('SIGKILL');
    expect([existsSync(out), existsSync(`${out}.part`)]).toEqual([false, true]);
    // Half a page more, and half a note, that came to be written before a power cut.
    writeFileSync(`${out}.part`, 'garbage', { flag: 'a' });
    writeFileSync(`${out}.part.notes`, '{"bytes":', { flag: 'a' });
    expect(run(chain.end + LATER, '2500').signal).toBe('SIGKILL');
    const last = run(chain.end + LATER);
    expect(last).toMatchObject({ status: 0, stdout: '3000' });
    const { text } = await buildBundle(store, { artifact_hash: chain.root }, KEYS.log, chain.end);
    expect(readFileSync(out, 'utf8')).toBe(text);
    expect([existsSync(`${out}.part`), existsSync(`${out}.part.notes`)]).toEqual([false, false]);
  });

  it('what was cut or changed on disk is written anew', async () => {
    const { folder, store, database, chain } = await place();
    const out = join(folder, 'evidence.json');
    spawned(database, out, chain.root, String(chain.end), '2500');
    truncateSync(`${out}.part`, 1_200_000);
    const changed = readFileSync(`${out}.part`, 'utf8').replace('"verdict":"permit"', '"verdict":"refuse"');
    writeFileSync(`${out}.part`, changed);
    const last = spawned(database, out, chain.root, String(chain.end));
    expect(last.stdout).toBe('0');
    const { text } = await buildBundle(store, { artifact_hash: chain.root }, KEYS.log, chain.end);
    expect(readFileSync(out, 'utf8')).toBe(text);
  });

  it('two at once do not write the same file, and nobody is led through a link', async () => {
    const { folder, store, chain } = await place();
    const out = join(folder, 'evidence.json');
    const victim = join(folder, 'victim');
    writeFileSync(victim, 'precious');
    const exporting = { log: KEYS.log, time: chain.end };
    const [a, b] = [await openDraft(out), await openDraft(out)];
    await Promise.all([a, b].map((draft) => exportBundle(store, { artifact_hash: chain.root }, draft, exporting)));
    for (const draft of [a, b]) {
      await draft.finish(out);
      await draft.close();
    }
    const { text } = await buildBundle(store, { artifact_hash: chain.root }, KEYS.log, chain.end);
    expect(readFileSync(out, 'utf8')).toBe(text);
    symlinkSync(victim, `${out}.part`);
    const c = await openDraft(out);
    await exportBundle(store, { artifact_hash: chain.root }, c, exporting);
    await c.finish(out);
    await c.close();
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(readFileSync(out, 'utf8')).toBe(text);
  });
});
