/** One upstream: what it may do to us and to others, which is nothing. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Refusal } from '../../../src/base/refusal.ts';
import type { Upstream } from '../../../src/edge/gateway/upstream.ts';
import { directory } from '../../scratch.ts';
import { everything, hostile, isAlive, textOf, until, upstream } from './upstreams.ts';

const open: Upstream[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

function start(...args: Parameters<typeof upstream>): Upstream {
  const made = upstream(...args);
  open.push(made);
  return made;
}

const call = (up: Upstream, name: string, args: { readonly [name: string]: never | string | number } = {}) =>
  up.call({ name, arguments: args });
function logFile(): string {
  const log = join(directory(), 'log');
  writeFileSync(log, '');
  return log;
}

const refusal = (work: Promise<unknown>): Promise<Refusal> =>
  work.then(
    () => expect.fail('was not refused'),
    (error) => error,
  );

describe('an upstream that behaves', () => {
  it('is not started before it is needed, and then once for all who need it', async () => {
    const log = logFile();
    const up = start('h', hostile({ HOSTILE_LOG: log }));
    expect(readFileSync(log, 'utf8')).toBe('');
    await Promise.all([up.tools(), up.tools(), call(up, 'echo'), call(up, 'echo')]);
    expect(readFileSync(log, 'utf8').match(/started/g)).toHaveLength(1);
  });

  it('gives its tools as it defines them', async () => {
    const tools = await start('e', everything).tools();
    const echo = tools.find(({ name }) => name === 'echo');
    expect(echo).toMatchObject({
      title: expect.any(String),
      annotations: expect.any(Object),
      inputSchema: { type: 'object' },
    });
  });

  it('gets no more of our environment than it needs', async () => {
    vi.stubEnv('AGA_TOKEN', 'a secret');
    vi.stubEnv('HTTPS_PROXY', 'http://user:secret@proxy.example');
    vi.stubEnv('SSL_CERT_FILE', '/etc/ssl/own.pem');
    const env = JSON.parse(textOf(await call(start('h', hostile({ GIVEN: 'yes' })), 'env')));
    vi.unstubAllEnvs();
    const needed =
      /^(HOME|LANG|LC_ALL|LOGNAME|NODE_EXTRA_CA_CERTS|PATH|SHELL|SSL_CERT_\w+|TERM|TMPDIR|TZ|USER|XDG_\w+|GIVEN|_|__CF.*)$/;
    expect(Object.keys(env).filter((name) => !needed.test(name))).toEqual([]);
    expect(env).toMatchObject({ GIVEN: 'yes', SSL_CERT_FILE: '/etc/ssl/own.pem' });
  });

  it('has progress and cancellation passed both ways', async () => {
    const log = logFile();
    const up = start('h', hostile({ HOSTILE_LOG: log }));
    const seen: number[] = [];
    const result = await up.call({ name: 'progress', arguments: {}, progress: ({ progress }) => seen.push(progress) });
    expect([seen, textOf(result)]).toEqual([[1, 2, 3], 'done']);
    const abort = new AbortController();
    const hanging = refusal(up.call({ name: 'hang', arguments: {}, signal: abort.signal }));
    await until(() => readFileSync(log, 'utf8').includes('hang'));
    abort.abort();
    expect((await hanging).code).toBe('CANCELLED');
    await until(() => readFileSync(log, 'utf8').includes('cancelled'));
  });

  it('is listened to when its tools change, and its stderr is ours with its name before it', async () => {
    let said = '';
    const up = start('h', hostile(), (line) => {
      said += line;
    });
    await up.tools();
    let changes = 0;
    up.onChanged(() => changes++);
    await call(up, 'grow');
    expect(changes).toBe(1);
    expect((await up.tools()).some(({ name }) => name === 'grown')).toBe(true);
    expect(changes).toBe(1);
    await call(up, 'stderr');
    await until(() => said.includes('[h] one line\n[h] two lines\n'));
  });

  it('passes on what it answers instead of a result', async () => {
    const answer = await refusal(call(start('h', hostile()), 'error'));
    expect(answer).toMatchObject({ name: 'RpcError', code: -32602, message: 'not so', data: { why: 'test' } });
  });
});

describe('an upstream that ends', () => {
  it('fails the calls in flight, rests, and is started again', async () => {
    const up = start('h', hostile());
    const first = textOf(await call(up, 'pid'));
    const waiting = refusal(call(up, 'hang'));
    expect((await refusal(call(up, 'die'))).body).toMatchObject({ code: 'UPSTREAM_FAILED', retryable: true });
    expect((await waiting).code).toBe('UPSTREAM_FAILED');
    const resting = await refusal(call(up, 'pid'));
    expect(resting.body).toMatchObject({
      code: 'UPSTREAM_FAILED',
      retryable: true,
      detail: { retry_after_ms: expect.any(Number) },
    });
    expect((await up.tools().catch(() => [])).length).toBe(0);
    let second = '';
    await until(async () => {
      second = await call(up, 'pid').then(textOf, () => '');
      return second !== '';
    });
    expect(second).not.toBe(first);
  });

  it('rests longer each time', async () => {
    const up = start('h', hostile({ HOSTILE: 'dead' }));
    const pauses: number[] = [];
    while (pauses.length < 3) {
      await refusal(up.ready());
      const { retry_after_ms: pause } = (await refusal(up.ready())).detail as { retry_after_ms: number };
      pauses.push(pause);
      await new Promise((resolve) => setTimeout(resolve, pause + 5));
    }
    expect(pauses[1]! / pauses[0]!).toBeGreaterThan(1.5);
    expect(pauses[2]! / pauses[1]!).toBeGreaterThan(1.5);
  });

  it('tells the caller nothing of its configuration when it cannot be started', async () => {
    let said = '';
    const up = start('h', { command: '/no/such/program', args: ['--key=s3cret'], timeout: 1_000 }, (line) => {
      said += line;
    });
    const { message } = await refusal(up.ready());
    expect(message).toBe('The upstream "h" could not be started.');
    expect(said).toContain('ENOENT');
    expect(said).not.toContain('s3cret');
  });

  it('still lists its tools while it rests', async () => {
    const up = start('h', hostile());
    const tools = await up.tools();
    await refusal(call(up, 'die'));
    expect(await up.tools()).toBe(tools);
  });

  it('is ended within a second with all that it has started, however stubborn', { retry: 2 }, async () => {
    const up = start('h', hostile({ HOSTILE: 'stubborn' }));
    const pid = Number(textOf(await call(up, 'pid')));
    const began = performance.now();
    await up.close();
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(isAlive(pid)).toBe(false);
    const { command, args = [] } = hostile();
    const wrapped = start('w', { command: 'sh', args: ['-c', `"${command}" "${args[0]}"; true`], timeout: 10_000 });
    const inner = Number(textOf(await call(wrapped, 'pid')));
    await wrapped.close();
    await until(() => !isAlive(inner), 1_000);
  });

  it('does not hold up the close while it starts', async () => {
    const up = start('h', hostile({ HOSTILE: 'mute' }));
    const starting = refusal(up.ready());
    await new Promise((resolve) => setTimeout(resolve, 200));
    const began = performance.now();
    await up.close();
    expect(performance.now() - began).toBeLessThan(1_000);
    expect((await starting).code).toBe('UPSTREAM_FAILED');
    expect((await refusal(up.ready())).code).toBe('UPSTREAM_FAILED');
  });
});

describe('an upstream that hangs', () => {
  it('lets one call time out, and is told so', async () => {
    const log = logFile();
    const up = start('h', hostile({ HOSTILE_LOG: log }, 1_500));
    await up.ready();
    const [late, fine] = await Promise.all([refusal(call(up, 'hang')), call(up, 'echo')]);
    expect(late.body).toMatchObject({ code: 'TIMEOUT', retryable: true });
    expect(fine.isError).toBeUndefined();
    await until(() => readFileSync(log, 'utf8').includes('TIMEOUT'));
    expect(textOf(await call(up, 'echo', { still: 'here' }))).toContain('here');
  });

  it('fails to start in the time it has', async () => {
    const up = start('h', hostile({ HOSTILE: 'mute' }, 300));
    expect((await refusal(up.ready())).code).toBe('UPSTREAM_FAILED');
  });

  it('is ended when it answers nothing at all any more', { timeout: 20_000 }, async () => {
    const up = start('h', hostile({}, 1_000));
    const pid = Number(textOf(await call(up, 'pid')));
    expect((await refusal(call(up, 'freeze'))).code).toBe('TIMEOUT');
    await until(() => !isAlive(pid), 10_000);
  });
});

describe('an upstream that says too much', () => {
  it('has an answer of 20 MB refused, and the next one heard', async () => {
    const up = start('h', hostile());
    const before = process.memoryUsage().rss;
    for (const [name, args] of [
      ['big', { bytes: 20_000_000 }],
      ['bigWithIdFirst', {}],
    ] as const) {
      const big = await refusal(call(up, name, args));
      expect(big.body).toMatchObject({ code: 'UPSTREAM_FAILED', message: expect.stringContaining('more than') });
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
    expect(textOf(await call(up, 'big', { bytes: 9_000_000 }))).toHaveLength(9_000_000);
  });

  it('is ended when it floods us, while others are answered', { retry: 2 }, async () => {
    const neighbour = start('n', hostile());
    await neighbour.ready();
    for (const how of ['flood', 'endless']) {
      const up = start('h', hostile());
      await up.ready();
      const flooded = refusal(call(up, how));
      const began = performance.now();
      expect(textOf(await call(neighbour, 'echo', { a: 'b' }))).toBe('{"a":"b"}');
      expect(performance.now() - began).toBeLessThan(1_000);
      expect((await flooded).code).toBe('UPSTREAM_FAILED');
    }
  });

  it('may write garbage between its answers', async () => {
    expect(textOf(await call(start('h', hostile()), 'garbage'))).toBe('after garbage');
  });

  it.each([
    null,
    'text',
    42,
    [],
    {},
    { content: 'text' },
    { content: ['text'] },
    { content: [{ type: 'text' }] },
    { content: [{ type: 'resource', resource: null }] },
    { content: [], structuredContent: [] },
    { content: [], isError: 'no' },
  ])('has the malformed result %j refused', async (result) => {
    const up = start('h', hostile());
    const malformed = await refusal(up.call({ name: 'malformed', arguments: { result } }));
    expect(malformed.code).toBe('UPSTREAM_FAILED');
    expect((await refusal(call(up, 'badError'))).code).toBe('UPSTREAM_FAILED');
  });

  it('has a result that is nested without measure refused', async () => {
    expect((await refusal(call(start('h', hostile()), 'deep'))).code).toBe('UPSTREAM_FAILED');
  });

  it('may not ask for anything', async () => {
    const log = logFile();
    const up = start('h', hostile({ HOSTILE_LOG: log }));
    const abort = new AbortController();
    const asking = refusal(up.call({ name: 'ask', arguments: {}, signal: abort.signal }));
    await until(() => readFileSync(log, 'utf8').includes('-32601'));
    abort.abort();
    await asking;
  });
});

describe('answers', () => {
  it('reach whoever asked, once, whatever ids the upstream uses', async () => {
    let said = '';
    const up = start('h', hostile(), (text) => {
      said += text;
    });
    expect(textOf(await call(up, 'twice'))).toBe('first');
    const echoes = await Promise.all(Array.from({ length: 30 }, (_, n) => call(up, 'echo', { n })));
    expect(echoes.map((result) => JSON.parse(textOf(result)).n)).toEqual(echoes.map((_, n) => n));
    // An answer is for who asked, and not for those who read our log.
    expect(said).toBe('');
  });

  it('of a call that was given up are nobody else’s', async () => {
    const up = start('h', hostile());
    const abort = new AbortController();
    const held = refusal(up.call({ name: 'hold', arguments: {}, signal: abort.signal }));
    await call(up, 'echo');
    abort.abort();
    await held;
    const [released, echo] = await Promise.all([call(up, 'release'), call(up, 'echo', { n: 1 })]);
    expect([textOf(released), textOf(echo)]).toEqual(['released', '{"n":1}']);
  });
});

describe('the list of an upstream', () => {
  it('leaves out what is no tool, saying which, and the second of two equal names', async () => {
    const log: string[] = [];
    const names = (await start('h', hostile(), (text) => log.push(text)).tools()).map(({ name }) => name);
    expect(log.filter((line) => line.includes('left out'))).toHaveLength(7);
    expect(log.join('')).toContain('left out: "no schema"\n');
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => /^(no|true|title|output|icons)/.test(name))).toEqual([]);
  });

  it('is empty where it offers no tools', async () => {
    expect(await start('h', hostile({ HOSTILE: 'silent' })).tools()).toEqual([]);
  });
});
