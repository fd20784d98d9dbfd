/** Judging and containment in process: `node bench/scope.ts`, also a part of `npm run bench`. */
import { denials, excess, intern, parseArgumentRules, parsePermissions, type Scope } from '../src/scope/scope.ts';
import { type Figure, median, print, times } from './measure.ts';

const scopeOf = (patterns: readonly string[], rules: readonly unknown[] = []): Scope =>
  intern({
    permissions: parsePermissions({ 'tool.call': patterns }),
    argument_rules: parseArgumentRules(rules),
    limits: {},
    enforcement_triggers: [],
    measurement_types: [],
  });

/** Six levels, each of 50 patterns and 20 rules, one of which binds the call. */
function lineageOfSix(): Scope[] {
  const rules = Array.from({ length: 20 }, (_, i) => ({
    tool: `server${i}/write_*`,
    arguments: { path: { under: `/ws/${i}` }, content: { max_bytes: 65_536 } },
  }));
  const patterns = Array.from({ length: 50 }, (_, i) => `server${i}/*`);
  return Array.from({ length: 6 }, (_, level) => scopeOf([...patterns, `level${level}/**`].slice(0, 50), rules));
}

/** Stars that could each stand for many lengths, in pairs that nearly contain each other. */
const hostile = (i: number): string => `${'*a'.repeat(6)}${String.fromCharCode(97 + (i % 26))}${i}*`;

export async function scopeFigures(): Promise<Figure[]> {
  const line = lineageOfSix();
  const args = { path: '/ws/7/notes/a.md', content: 'x'.repeat(200) };
  const act = { capability: 'tool.call', resource: 'server7/write_file', arguments: args };
  const CALLS = 1000;
  const check = await times(30, 10, () => {
    for (let i = 0; i < CALLS; i++)
      for (const scope of line) if (denials(scope, act).length > 0) throw new Error('refused');
  });
  const sides = (front: string) => scopeOf(Array.from({ length: 256 }, (_, i) => `${front}x${hostile(i)}`));
  const worst = await times(3, 0, () => excess(sides('a'), sides('*')));
  const us = (median(check) * 1000) / CALLS;
  const ms = Math.max(...worst);
  return [
    {
      name: 'check, lineage of 6, 50 patterns, 20 rules',
      value: us,
      unit: 'µs',
      ratio: { to: 'the target of 20 µs', value: us / 20, target: '<= 1', met: us <= 20 },
    },
    {
      name: 'containment of 256 × 256 hostile patterns, worst',
      value: ms,
      unit: 'ms',
      ratio: { to: 'the target of 50 ms', value: ms / 50, target: '<= 1', met: ms <= 50 },
    },
  ];
}

if (import.meta.main) print(await scopeFigures());
