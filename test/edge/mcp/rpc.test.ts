import { isJSONRPCNotification, isJSONRPCRequest } from '@modelcontextprotocol/server';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLines } from '../../../src/base/lines.ts';
import { judge } from '../../../src/edge/mcp/rpc.ts';

const line = (value: unknown) => judge(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
const error = (id: unknown, code: number) =>
  expect.objectContaining({ id, error: expect.objectContaining({ code, message: expect.any(String) }) });

describe('a line', () => {
  it.each(['', ' ', '\r', ' \t\r'])('is owed nothing when it is blank: %j', (text) => {
    expect(line(text)).toEqual({});
  });

  it.each([
    ['not JSON', 'nope'],
    ['cut off', '{"jsonrpc":"2.0","id":1,"method":"ping"'],
    ['two values', '{} {}'],
    ['a byte-order mark', '\uFEFF{"jsonrpc":"2.0","id":1,"method":"ping"}'],
    ['a number too large', '{"jsonrpc":"2.0","method":"notifications/x","params":{"n":1e400}}'],
    ['a notification with a name twice', '{"jsonrpc":"2.0","method":"notifications/x","params":{"a":1,"a":1}}'],
  ])('that is %s gets -32700 without an id', (_, text) => {
    expect(line(text).reply).toEqual(error(null, -32700));
  });

  it.each([
    ['a name twice', '{"a":1,"\\u0061":2}'],
    ['__proto__', '{"__proto__":{"admin":true}}'],
    ['a lone surrogate', '{"a":"\\ud800"}'],
    ['an infinite number', '{"a":1e400}'],
    ['too many levels', `${'{"a":'.repeat(70)}1${'}'.repeat(70)}`],
  ])('with %s in the arguments of a call is a refused call, never a call', (_, args) => {
    const text = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"noop","arguments":${args}}}`;
    const judged = line(text);
    expect(judged.message).toBeUndefined();
    expect(judged.reply).toMatchObject({ id: 7, result: { isError: true, content: [{ type: 'text' }] } });
    const { content } = (judged.reply as { result: { content: { text: string }[] } }).result;
    expect(JSON.parse(content[0]!.text)).toMatchObject({ error: { code: 'INVALID_REQUEST', retryable: false } });
    expect(judged.reply).not.toHaveProperty('result.resultType');

    const modern = text.replace('"name"', '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"name"');
    expect(line(modern).reply).toMatchObject({ id: 7, result: { isError: true, resultType: 'complete' } });

    expect(line(text.replace('tools/call', 'resources/read')).reply).toEqual(error(7, -32700));
  });

  it.each([
    undefined,
    {},
    { protocolVersion: 7, capabilities: {}, clientInfo: { name: 'a', version: '1' } },
    { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'a' } },
  ])('that initializes without what that takes hears what is missing: %j', (params) => {
    const judged = line({ jsonrpc: '2.0', id: 1, method: 'initialize', ...(params && { params }) });
    expect(judged.message).toBeUndefined();
    expect(judged.reply).toEqual(error(1, -32602));
    expect(JSON.stringify(judged.reply)).toContain('clientInfo (with name and version)');
  });

  it('with bad UTF-8 in the arguments of a call is a refused call', () => {
    const text = Buffer.from('{"jsonrpc":"2.0","id":"u","method":"tools/call","params":{"name":"X"}}');
    text[text.indexOf('X')] = 0xff;
    expect(judge(text).reply).toMatchObject({ id: 'u', result: { isError: true } });
  });

  it.each([
    ['a batch', [{ jsonrpc: '2.0', id: 1, method: 'ping' }], null],
    ['an empty batch', [], null],
    ['a scalar', 1, null],
    ['null', null, null],
    ['JSON-RPC 1.0', { id: 1, method: 'ping' }, 1],
    ['a null id', { jsonrpc: '2.0', id: null, method: 'ping' }, null],
    ['a fractional id', { jsonrpc: '2.0', id: 1.5, method: 'ping' }, null],
    ['an object as id', { jsonrpc: '2.0', id: {}, method: 'ping' }, null],
    ['an unknown member', { jsonrpc: '2.0', id: 3, method: 'ping', extra: 1 }, 3],
    ['no method', { jsonrpc: '2.0', id: 3, params: {} }, 3],
    ['a method that is not text', { jsonrpc: '2.0', id: 3, method: 3 }, 3],
  ])('that is %s gets -32600', (_, value, id) => {
    expect(line(value)).toEqual({ reply: error(id, -32600) });
  });

  it.each([
    { params: [] },
    { params: 'x' },
    { params: null },
    { params: { _meta: 1 } },
    { params: { _meta: { progressToken: null } } },
    { params: { _meta: { progressToken: 1.5 } } },
    { params: { _meta: { 'io.modelcontextprotocol/related-task': {} } } },
  ])('with params that the SDK would swallow gets -32602: %j', (rest) => {
    expect(line({ jsonrpc: '2.0', id: 4, method: 'tools/list', ...rest })).toEqual({ reply: error(4, -32602) });
    expect(line({ jsonrpc: '2.0', method: 'notifications/x', ...rest })).toEqual({});
  });

  it('that is let through is one that the SDK reads: nothing is swallowed behind the judge', () => {
    const json = fc.jsonValue({ maxDepth: 2 });
    const id = fc.oneof(fc.string(), fc.integer(), json);
    const meta = fc.oneof(
      fc.record(
        {
          progressToken: id,
          'io.modelcontextprotocol/related-task': fc.oneof(json, fc.record({ taskId: json })),
          x: json,
        },
        { requiredKeys: [] },
      ),
      json,
    );
    const params = fc.oneof(fc.record({ _meta: meta, name: json }, { requiredKeys: [] }), json);
    const rest = fc.record({ id, params, extra: json }, { requiredKeys: [] });
    const seen = { message: 0, reply: 0, nothing: 0 };
    fc.assert(
      fc.property(rest, (members) => {
        const value = JSON.parse(JSON.stringify({ jsonrpc: '2.0', method: 'tools/call', ...members }));
        // Ours refuses the name before there is a message; see the strict parser's own tests.
        fc.pre(!JSON.stringify(value).includes('"__proto__"'));
        const { message, reply } = line(value);
        seen[message ? 'message' : reply ? 'reply' : 'nothing'] += 1;
        expect(message !== undefined).toBe(isJSONRPCRequest(value) || isJSONRPCNotification(value));
        // Whoever sent a usable id gets it back.
        if (reply !== undefined && Number.isSafeInteger(value.id)) expect(reply).toMatchObject({ id: value.id });
      }),
      { numRuns: 1500 },
    );
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
  });
});

describe('the line reader', () => {
  const run = (limit: number, chunks: Buffer[]) => {
    const seen: string[] = [];
    const reader = readLines(limit, { line: (b) => seen.push(b.toString()), tooLong: () => seen.push('too long') });
    for (const chunk of chunks) reader.push(chunk);
    reader.end();
    return seen;
  };

  it('gives the same lines however the bytes are cut', () => {
    const lines = fc.array(fc.string({ maxLength: 12 }).map((s) => s.replaceAll('\n', '')));
    fc.assert(
      fc.property(lines, fc.array(fc.nat(40)), (texts, cuts) => {
        const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''));
        const places = [0, ...cuts.map((c) => c % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
        const expected = texts.map((text) => (Buffer.byteLength(text) > 16 ? 'too long' : text));
        expect(run(16, chunks)).toEqual([...expected, '']);
      }),
      { numRuns: 500 },
    );
  });

  it('takes a last line without a newline', () => {
    expect(run(9, [Buffer.from('a\nb')])).toEqual(['a', 'b']);
  });

  it('says once that a line is too long, and goes on', () => {
    const long = Array.from({ length: 9 }, () => Buffer.from('xxxx'));
    expect(run(16, [...long, Buffer.from('\nok\n')])).toEqual(['too long', 'ok', '']);
    expect(run(16, [Buffer.from(`${'x'.repeat(16)}\n${'x'.repeat(17)}\nok`)])).toEqual([
      'x'.repeat(16),
      'too long',
      'ok',
    ]);
  });

  it('takes linear time for a long line in small chunks', () => {
    const chunk = Buffer.alloc(16, 'x');
    const start = performance.now();
    const reader = readLines(10 << 20, { line: () => {}, tooLong: () => {} });
    for (let i = 0; i < (9 << 20) / 16; i++) reader.push(chunk);
    reader.end();
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});
