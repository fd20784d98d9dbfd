/** What a witness is asked, and what is believed of what it answers: against a strict one over HTTP, and against liars. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openCheckpoint, verifierKey } from '../../src/chain/checkpoint.ts';
import { cosignedAt, parseWitnessKey } from '../../src/chain/cosignature.ts';
import type { Trouble } from '../../src/evidence/witness.ts';
import type { Head } from '../../src/ports.ts';
import { ask, type Cosigning, headOf, newestOf, type World } from '../../src/witness/ask.ts';
import { Book, type Witness } from '../../src/witness/book.ts';
import { type Post, post } from '../../src/witness/post.ts';
import { KEYS, type Kernel, kernel, ORIGIN } from '../kernel.ts';
import { directory } from '../scratch.ts';
import { MemoryStore } from '../store/memory.ts';
import { type Reply, type StrictWitness, strictWitness } from './strict-witness.ts';

const LOG = verifierKey(ORIGIN, KEYS.log.publicKey);
let home: string;
let k: Kernel;
let w: StrictWitness;
let world: World;

beforeEach(async () => {
  home = directory();
  k = kernel({ clock: { now: Date.now() } });
  w = await strictWitness('witness.example/one');
  w.trust(LOG);
  world = { chain: k.service.reader, book: new Book(home, () => LOG), post, clock: Date.now };
  await world.book.change(() => [w]);
});
afterEach(() => w.close());

const grow = async (times = 1): Promise<Head> => {
  for (let i = 0; i < times; i++) await k.call('aga_create_artifact', { subject: `s${i}` });
  return (await headOf(world.chain))!;
};
const pinned = async (): Promise<Witness> => (await world.book.witnesses())[0]!;
const asks = async (head: Head, changes: Partial<World> = {}): Promise<Pick<Cosigning, 'size' | 'seconds'> | Trouble> =>
  ask({ ...world, ...changes }, await pinned(), head);
const lies = (status: number, body: string, type?: string): void => {
  w.answer = (): Reply => ({ status, body, ...(type !== undefined && { type }) });
};
const kept = (): unknown => readFileSync(join(home, 'cosignatures.json'), 'utf8');

describe('an honest witness', () => {
  it('cosigns the first checkpoint and every later one, from where it stands, at every size', async () => {
    for (let size = 2; size < 40; size++) {
      const head = await grow();
      expect(head.size).toBe(size);
      // Now and then it hears of us later.
      if (size % 7 === 3) continue;
      expect(await asks(head)).toMatchObject({ size });
    }
    expect(w.asked[0]).toMatchObject({ old: 0, proof: [], size: 2 });
    expect(w.asked.at(-1)).toMatchObject({ old: 37, size: 39 });
    const [newest] = await world.book.cosigned();
    expect(openCheckpoint(newest!.note, LOG)?.size).toBe(39);
    expect(cosignedAt(newest!.note, parseWitnessKey(w.key)!)).toBeGreaterThan(0);
  });

  it('is not asked again for what it has cosigned, and forgets nothing when we have', async () => {
    const head = await grow(3);
    await asks(head);
    await asks(head);
    expect(w.asked).toHaveLength(1);
    rmSync(join(home, 'cosignatures.json'));
    expect(await asks(head)).toMatchObject({ size: 4 });
    expect(w.asked.slice(1)).toMatchObject([{ old: 0 }, { old: 4, proof: [], size: 4 }]);
    rmSync(join(home, 'cosignatures.json'));
    expect(await asks(await grow())).toMatchObject({ size: 5 });
    expect(w.asked.at(-1)).toMatchObject({ old: 4, size: 5 });
  });

  it('that was restored from a backup is led up again', async () => {
    await asks(await grow(2));
    const before = new Map(w.latest);
    await asks(await grow(2));
    for (const [origin, at] of before) w.latest.set(origin, at);
    expect(await asks(await grow())).toMatchObject({ size: 6 });
    expect(w.asked.slice(-2)).toMatchObject([{ old: 5 }, { old: 3 }]);
  });

  it('that another process has shown more is given the newest', async () => {
    const early = await grow();
    const late = await grow();
    await ask({ ...world, book: new Book(directory(), () => LOG) }, await pinned(), late);
    expect(await asks(early)).toMatchObject({ size: late.size });
  });

  it('that is asked by many at once cosigns for all of them', async () => {
    await asks(await grow());
    const head = await grow(3);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => asks(head)));
    expect(outcomes.every((outcome) => 'size' in outcome && outcome.size === head.size)).toBe(true);
    expect(await world.book.cosigned()).toMatchObject([{ size: 5 }, { size: 2 }]);
  });
});

describe('a no', () => {
  it('of a witness that does not know the log says what to give to its operator', async () => {
    const stranger = await strictWitness('stranger.example/w');
    onTestFinished(() => stranger.close());
    await world.book.change(() => [stranger]);
    expect(await asks(await grow())).toMatchObject({ code: 'unknown_log', grave: false });
  });

  it.each([
    [400, 'refused', false],
    [403, 'log_key', false],
    [404, 'unknown_log', false],
    [422, 'inconsistent', true],
    [429, 'busy', false],
    [500, 'failed', false],
    [201, 'failed', false],
    [302, 'redirect', false],
    [307, 'redirect', false],
  ])('%i is %s', async (status, code, grave) => {
    lies(status, w.line('x\n', 1));
    expect(await asks(await grow())).toMatchObject({ code, grave });
    expect(await world.book.cosigned()).toEqual([]);
  });

  it('is not followed to another address', async () => {
    const other = await strictWitness(w.name);
    other.trust(LOG);
    onTestFinished(() => other.close());
    w.answer = (_, __, response) => {
      response.writeHead(307, { location: `${other.url}/add-checkpoint` }).end();
      return undefined;
    };
    expect(await asks(await grow())).toMatchObject({ code: 'redirect' });
    expect(other.asked).toEqual([]);
  });

  it('to a history that was cut or rewritten is grave', async () => {
    const store = new MemoryStore();
    k = kernel({ clock: { now: Date.now() }, store });
    world = { ...world, chain: k.service.reader };
    await asks(await grow(5));
    // The same keys begin another history of the same name: a restored backup that went on differently.
    k = kernel({ clock: { now: Date.now() } });
    world = { ...world, chain: k.service.reader };
    const asked = w.asked.length;
    expect(await asks(await grow(2))).toMatchObject({ code: 'ahead', grave: true });
    expect(await asks(await grow(3))).toMatchObject({ code: 'inconsistent', grave: true });
    expect(await asks(await grow(3))).toMatchObject({ code: 'inconsistent', grave: true });
    // What is kept here tells already; without it, the witness does.
    expect(w.asked).toHaveLength(asked);
    rmSync(join(home, 'cosignatures.json'));
    expect(await asks((await headOf(world.chain))!)).toMatchObject({ code: 'inconsistent', grave: true });
    expect(await world.book.cosigned()).toEqual([]);
  });

  it('of the kind that earlier editions gave for two roots of one size is the same', async () => {
    await asks(await grow());
    rmSync(join(home, 'cosignatures.json'));
    w.answer = ({ old, size }, honest) => (old === size ? { status: 409, body: 'other root\n' } : honest());
    expect(await asks((await headOf(world.chain))!)).toMatchObject({ code: 'inconsistent' });
  });
});

describe('a liar', () => {
  const text = async (): Promise<string> => {
    const { checkpoint } = (await headOf(world.chain))!;
    return checkpoint.slice(0, checkpoint.indexOf('\n\n') + 1);
  };
  const now = (): number => Math.floor(Date.now() / 1000);

  it('that signs with another key, under its own name or another, is not believed', async () => {
    const head = await grow();
    const [twin, other] = [await strictWitness('witness.example/two'), await strictWitness('witness.example/three')];
    onTestFinished(async () => void (await Promise.all([twin.close(), other.close()])));
    const line = twin.line(await text(), now());
    lies(200, line + other.line(await text(), now()));
    expect(await asks(head)).toMatchObject({ code: 'other_key', grave: true });
    // The pinned name and key id in front of another key's signature.
    const own = Buffer.from(w.line(await text(), now()).split(' ')[2]!, 'base64');
    const foreign = Buffer.from(line.split(' ')[2]!, 'base64');
    lies(200, `\u2014 ${w.name} ${Buffer.concat([own.subarray(0, 4), foreign.subarray(4)]).toString('base64')}\n`);
    expect(await asks(head)).toMatchObject({ code: 'bad_cosignature', grave: true });
    expect(await world.book.cosigned()).toEqual([]);
  });

  it('that signs another checkpoint, an older one, or another time than it says is not believed', async () => {
    const head = await grow(2);
    const older = await text();
    await grow();
    lies(200, w.line(older, now()));
    const newer = (await headOf(world.chain))!;
    expect(newer.size).toBe(head.size + 1);
    expect(await asks(newer)).toMatchObject({ code: 'bad_cosignature' });
    lies(200, w.line((await text()).replace('\n4\n', '\n5\n'), now()));
    expect(await asks(newer)).toMatchObject({ code: 'bad_cosignature' });
    const [, , encoded = ''] = w.line(await text(), now()).split(' ');
    const bytes = Buffer.from(encoded, 'base64');
    bytes.writeUInt32BE(bytes.readUInt32BE(8) + 60, 8);
    lies(200, `\u2014 ${w.name} ${bytes.toString('base64')}\n`);
    expect(await asks(newer)).toMatchObject({ code: 'bad_cosignature' });
  });

  it.each([
    ['the future', 3600],
    ['a time before the checkpoint', -3600],
  ])('that dates its cosignature in %s is not believed, and its clock is named', async (_, offset) => {
    w.ahead = offset;
    expect(await asks(await grow())).toMatchObject({ code: 'clock', grave: true });
    expect(await world.book.cosigned()).toEqual([]);
    w.ahead = 0;
    expect(await asks((await headOf(world.chain))!)).toMatchObject({ size: 2 });
  });

  it.each([0, 1, 2 ** 40])('that dates it %i is not believed', async (seconds) => {
    const head = await grow();
    lies(200, w.line(await text(), seconds));
    expect(await asks(head)).toMatchObject({ code: 'clock' });
  });

  it('that adds a bad line of its own to a good one is not believed; lines of others are skipped', async () => {
    const head = await grow();
    const good = w.line(await text(), now());
    lies(200, good + w.line('another\n', now()));
    expect(await asks(head)).toMatchObject({ code: 'bad_cosignature' });
    const other = await strictWitness('witness.example/two');
    onTestFinished(() => other.close());
    // A cosignature of ML-DSA-44 (type 0x06) has 8 + 2,420 bytes.
    const long = `\u2014 ${w.name} ${Buffer.alloc(4 + 8 + 2420, 6).toString('base64')}\n`;
    lies(200, other.line('whatever\n', 5) + long + good);
    expect(await asks(head)).toMatchObject({ size: 2 });
    expect(JSON.stringify(kept())).not.toContain('witness.example/two');
    expect(JSON.stringify(kept())).not.toContain(long.slice(20, 200));
  });

  it.each([
    ['nothing', ''],
    ['a page', '<html><body>welcome</body></html>\n'],
    ['no line feed at its end', '\u2014 witness.example/one AAAA'],
    ['an empty line', '\n'],
    ['a whole note', 'x\n1\nAAAA\n\n\u2014 witness.example/one AAAAAAAA\n'],
    ['a control character', '\u2014 witness.example/one AAAAAAAA\r\n'],
  ])('that answers 200 with %s is not believed', async (_, body) => {
    lies(200, body);
    expect(await asks(await grow())).toMatchObject({
      code: expect.stringMatching(/^(protocol|other_key|bad_cosignature)$/),
    });
    expect(await world.book.cosigned()).toEqual([]);
  });

  it('that names other sizes for ever is left alone after a few requests', async () => {
    let size = 0;
    const head = await grow(9);
    w.answer = () => {
      size = (size + 1) % 9;
      return { status: 409, type: 'text/x.tlog.size', body: `${size}\n` };
    };
    expect(await asks(head)).toMatchObject({ code: 'protocol' });
    expect(w.asked.length).toBeLessThan(6);
    lies(409, '0\n', 'text/x.tlog.size');
    expect(await asks(head)).toMatchObject({ code: 'protocol' });
  });

  it.each(['-1\n', '1e3\n', '01\n', '1\n\n', '1', '99999999999999999999\n', '9999999999999999\n', 'abc\n', ''])(
    'that answers 409 with %j is not understood',
    async (body) => {
      lies(409, body, 'text/x.tlog.size');
      expect(await asks(await grow())).toMatchObject({ code: 'protocol' });
    },
  );

  it('that claims to know more than there is makes itself heard, and nothing is written', async () => {
    lies(409, '1000000\n', 'text/x.tlog.size; charset=utf-8');
    expect(await asks(await grow())).toMatchObject({ code: 'ahead', grave: true });
    expect(await world.book.cosigned()).toEqual([]);
  });
});

describe('the wire', () => {
  const soon: Post = (url, body, options) => post(url, body, { ...options, patience: 300 });

  it('is given up when nobody is there, nothing is said, or too little at a time', async () => {
    const head = await grow();
    w.answer = () => new Promise(() => undefined);
    expect(await asks(head, { post: soon })).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('0.3'),
    });
    w.answer = (_, __, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('\u2014'), 20);
      response.once('close', () => clearInterval(drip));
      return undefined;
    };
    expect(await asks(head, { post: soon })).toMatchObject({ code: 'unreachable' });
    w.answer = (_, __, response) => void response.destroy() as undefined;
    expect(await asks(head)).toMatchObject({ code: 'unreachable' });
    await w.close();
    expect(await asks(head)).toMatchObject({ code: 'unreachable', message: expect.stringContaining('ECONNREFUSED') });
    w = await strictWitness(w.name);
  });

  it('takes no answer of 20 MB, and does not read it', async () => {
    let sent = 0;
    w.answer = (_, __, response) => {
      response.writeHead(200);
      const chunk = 'x'.repeat(64 * 1024);
      const pour = (): void => {
        while (sent < 20 * 2 ** 20 && !response.destroyed) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', pour);
        }
        response.end();
      };
      pour();
      return undefined;
    };
    expect(await asks(await grow())).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('too large'),
    });
    expect(sent).toBeLessThan(10 * 2 ** 20);
  });

  it('is closed when the process ends', async () => {
    w.answer = () => new Promise(() => undefined);
    const ending = new AbortController();
    const asked = ask(world, await pinned(), await grow(), { signal: ending.signal });
    setTimeout(() => ending.abort(), 50);
    expect(await asked).toMatchObject({ code: 'unreachable' });
  });
});

it('remembers the newest of each witness, whatever the other files say', async () => {
  await asks(await grow());
  expect(await newestOf(world.book, await pinned())).toMatchObject({ size: 2 });
});
