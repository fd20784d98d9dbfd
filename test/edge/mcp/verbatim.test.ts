import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMessage, writeMessage } from '../../../src/edge/mcp/verbatim.ts';

type Answer = { readonly jsonrpc: '2.0'; readonly id: number; readonly result: unknown };
const read = (line: string): Answer => readMessage(line) as Answer;

/** The orders in which servers of today write an answer, and others. */
const ORDERS: readonly ((id: number, result: string) => string)[] = [
  (id, result) => `{"jsonrpc":"2.0","id":${id},"result":${result}}`,
  (id, result) => `{"result":${result},"jsonrpc":"2.0","id":${id}}`,
  (id, result) => ` { "jsonrpc" : "2.0" , "id" : ${id} , "result" : ${result} } `,
  (id, result) => `{"id":${id},"jsonrpc":"2.0","result":${result}}`,
  (id, result) => `{"result":${result},"id":${id},"jsonrpc":"2.0"}`,
];

describe('an answer', () => {
  it('is read as JSON.parse reads it, and written as JSON.stringify writes it, whatever it holds', () => {
    const id = fc.nat();
    fc.assert(
      fc.property(fc.constantFrom(...ORDERS), id, fc.jsonValue(), (order, id, result) => {
        const line = order(id, JSON.stringify(result));
        const message = read(line);
        expect(message).toEqual(JSON.parse(line));
        expect(JSON.parse(writeMessage({ ...message, id: 7 } as Answer))).toEqual({ ...JSON.parse(line), id: 7 });
      }),
      { numRuns: 300 },
    );
  });

  it.each(ORDERS.slice(0, 3).map((order) => [order] as const))('keeps the words of its result: %s', (order) => {
    const text = '{"content":[],"structuredContent":{"degrees":20.0,"id":9007199254740993,"tiny":1e-400}}';
    const { result } = read(order(5, text));
    expect(writeMessage({ jsonrpc: '2.0', id: 'mine', result } as object).replace(/\s/g, '')).toBe(
      `{"jsonrpc":"2.0","id":"mine","result":${text}}`,
    );
    // A changed result is another one.
    expect(writeMessage({ result: { ...(result as object) } })).toContain('"degrees":20,');
  });

  it.each([
    ['a second result', '{"jsonrpc":"2.0","id":1,"result":{"a":1},"result":{"b":2}}'],
    ['a second result before the id', '{"result":{"a":1},"result":{"b":2},"jsonrpc":"2.0","id":1}'],
    ['another id inside', '{"jsonrpc":"2.0","id":1,"result":{},"id":2}'],
    ['an error beside it', '{"jsonrpc":"2.0","id":1,"result":{"a":1},"error":{"code":1,"message":""}}'],
    ['a method beside it', '{"result":{"a":1},"method":"ping","jsonrpc":"2.0","id":1}'],
    ['no object', '{"jsonrpc":"2.0","id":1,"result":"text"}'],
  ])('with %s is what JSON.parse makes of it, and has no words of its own', (_, line) => {
    const message = read(line);
    expect(message).toEqual(JSON.parse(line));
    expect(writeMessage(message)).toBe(JSON.stringify(JSON.parse(line)));
  });

  it.each([
    '{"jsonrpc":"2.0","id":1,"result":{}}}',
    '{"jsonrpc":"2.0","id":1,"result":}',
    '{"result":{},"jsonrpc":"2.0","id":1',
  ])('that is no JSON is none: %s', (line) => expect(() => readMessage(line)).toThrow(SyntaxError));

  it('holds no end of a line for those clients that see one in a carriage return', () => {
    const forged = '{"jsonrpc":"2.0","id":8,"result":{"content":[]}}';
    const { result } = read(`{"jsonrpc":"2.0","id":1,"result":{"content":[\r${forged}\r]}}`);
    expect(writeMessage({ jsonrpc: '2.0', id: 1, result } as object)).not.toContain('\r');
  });
});
