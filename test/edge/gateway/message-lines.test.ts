/** What is kept of a line that is too long, and that nothing is lost or made up around it. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idOfEnds, messageLines } from '../../../src/edge/gateway/message-lines.ts';

const LIMITS = { line: 400, endless: 5_000 };

function read(chunks: readonly Buffer[]): string[] {
  const seen: string[] = [];
  const push = messageLines(LIMITS, {
    line: (bytes) => seen.push(bytes.toString()),
    tooLong: (head, tail) => seen.push(`too long: ${head}…${tail}`),
    endless: () => seen.push('endless'),
  });
  for (const chunk of chunks) push(chunk);
  return seen;
}

const line = fc.oneof(
  fc.string({ maxLength: 40, unit: fc.constantFrom('a', 'b', '{', '"') }),
  fc.integer({ min: 390, max: 900 }).map((length) => 'h'.repeat(256) + 'x'.repeat(length - 300) + 't'.repeat(256)),
);

describe('lines of an upstream', () => {
  it('are the same however they are cut into chunks', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), fc.array(fc.nat(2_000), { maxLength: 20 }), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((each) => `${each}\n`).join(''));
        const at = [...new Set(cuts.map((cut) => Math.min(cut, bytes.length)))].sort((a, b) => a - b);
        const chunks = [...at, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : at[i - 1], end));
        const expected = lines.map((each) =>
          each.length <= LIMITS.line ? each : `too long: ${each.slice(0, 256)}…${each.slice(-256)}`,
        );
        expect(read(chunks)).toEqual(expected);
        expect(read(Array.from(bytes, (byte) => Buffer.from([byte])))).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  it('end the reading when one has no end', () => {
    expect(read([Buffer.alloc(4_000), Buffer.alloc(4_000), Buffer.from('\n{}\n')])).toEqual(['endless']);
  });
});

describe('the id of a message of which only the ends are known', () => {
  const of = (head: string, tail: string) => idOfEnds(Buffer.from(head), Buffer.from(tail));

  it.each([
    ['{"jsonrpc":"2.0","id":7,"result":{', 'x"}]}}', 7],
    ['{"id":"a-b", "jsonrpc"', '}}', 'a-b'],
    ['{"result":{"content":[{"type":"text","text":"', '"}]},"jsonrpc":"2.0","id":12}', 12],
  ])('is found at %s … %s', (head, tail, id) => {
    expect(of(head, tail)).toBe(id);
  });

  it.each([
    ['{"result":{"id":7,"x":"', '"}}'],
    ['{"jsonrpc":"2.0","result":{"x":"', '","id":7}}'],
    ['{"jsonrpc":"2.0","result":{"x":"', '\\",\\"id\\":7}'],
    ['[{"id":7,"x":"', '"}]'],
    ['{"x":"{\\"id\\":7,', '"}'],
  ])('is not mistaken for another at %s … %s', (head, tail) => {
    expect(of(head, tail)).toBeUndefined();
  });
});
