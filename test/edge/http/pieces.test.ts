import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/base/refusal.ts';
import { formatDuration, parseDuration } from '../../../src/edge/http/duration.ts';
import { guardOf } from '../../../src/edge/http/guard.ts';
import { rateOf } from '../../../src/edge/http/rate.ts';

describe('a duration', () => {
  it('is read as Go reads it', () => {
    const cases: readonly (readonly [string, number | undefined])[] = [
      ['90s', 90_000],
      ['1h30m', 5_400_000],
      ['1.5h', 5_400_000],
      ['.5s', 500],
      ['5.s', 5000],
      ['1m1m', 120_000],
      ['1s1h', 3_601_000],
      ['100us', 0],
      ['1500\u00b5s', 1],
      ['1500\u03bcs', 1],
      ['1000000h', 3.6e12],
      ['2562047h', 2562047 * 3.6e6],
      ['2562048h', undefined],
      ['9223372036854775807ns', 9_223_372_036_854],
      ['9223372036854775808ns', undefined],
      ['0.100000000000000000000h', 360_000],
      ['0s', 0],
      ...[
        '',
        '0',
        '1',
        's',
        '.',
        '.s',
        '-1s',
        '+1s',
        '1 s',
        ' 1s',
        '1s ',
        '1d',
        '1S',
        '1e3s',
        '1_000s',
        '\u0661s',
        '0x1s',
        `${'1'.repeat(80)}s`,
      ].map((text) => [text, undefined] as const),
    ];
    for (const [text, expected] of cases) expect([text, parseDuration(text)]).toEqual([text, expected]);
  });

  it('is written so that it reads back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 315_360_000 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds))).toBe(seconds * 1000);
      }),
    );
    expect([1800, 5400, 90, 0, 86_400].map(formatDuration)).toEqual(['30m', '1h30m', '1m30s', '0s', '24h']);
  });
});

describe('a rate', () => {
  it('gives a burst, then so many a second, to each by itself', () => {
    const clock = { now: 0 };
    const rate = rateOf(100, 200, () => clock.now);
    const taken = (caller: string, times: number) => {
      let count = 0;
      for (let i = 0; i < times; i++) {
        try {
          rate.take(caller);
          count += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
        }
      }
      return count;
    };
    expect(taken('a', 1000)).toBe(200);
    expect(taken('b', 150)).toBe(150);
    clock.now += 1000;
    expect(taken('a', 1000)).toBe(100);
    clock.now += 60_000;
    expect(taken('a', 1000)).toBe(200);
    clock.now -= 30_000;
    expect(taken('a', 10)).toBe(0);
  });

  it('forgets who asks no more', () => {
    const clock = { now: 0 };
    const rate = rateOf(100, 200, () => clock.now);
    for (let n = 0; n < 30_000; n++) {
      clock.now += 1;
      rate.take(`caller ${n}`);
    }
    expect(() => rate.take('another')).not.toThrow();
  });
});

describe('the guard', () => {
  it('knows the names of the site and no others', () => {
    const guard = guardOf(['Authority.Example.com', '10.0.0.1']);
    const judge = (host: string, origin?: string) => () =>
      guard.judge({
        rawHeaders: ['Host', host],
        headers: { host, ...(origin !== undefined && { origin }) },
      } as Parameters<typeof guard.judge>[0]);
    for (const host of [
      'authority.example.com',
      'AUTHORITY.example.com:8443',
      '10.0.0.1:80',
      'localhost',
      '[::1]:1',
      '127.0.0.1',
    ]) {
      expect(judge(host)).not.toThrow();
      expect(judge(host, `https://${host}`)).not.toThrow();
    }
    for (const host of [
      'example.com',
      'authority.example.com.',
      'xauthority.example.com',
      '127.0.0.2',
      '[::2]',
      '127.0.0.1:x',
      'a b',
      '127.1',
    ]) {
      expect(judge(host)).toThrow(Refusal);
    }
  });
});
