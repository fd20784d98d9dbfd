/** What others wrote is shown to people: it must not move their cursor, change their colours or hide what it says. */
import { describe, expect, it } from 'vitest';
import { EVENT_KINDS } from '../../../src/authority/event/index.ts';
import { span } from '../../../src/base/span.ts';
import { type Config, defaults } from '../../../src/config/file.ts';
import type { Desk } from '../../../src/edge/cli/command.ts';
import { suggest } from '../../../src/edge/cli/commands/suggest.ts';
import { drawn } from '../../../src/edge/cli/drawn.ts';
import { type LogEntry, lines } from '../../../src/edge/cli/entry-line.ts';
import { progress } from '../../../src/edge/cli/progress.ts';
import { cut, plain, type Side } from '../../../src/edge/cli/terminal.ts';

const HOSTILE = '\u001b[31mred\u0007\r\n\u202eevil\u2028\u009b2J';
const side = (tty: boolean, width = Number.POSITIVE_INFINITY): Side => ({
  line: () => undefined,
  tty,
  width,
  paint: (_, text) => text,
});
const entry = (event: LogEntry['event'], sequence_number = 7): LogEntry => ({
  sequence_number,
  timestamp: '2026-11-20T10:00:00.000Z',
  event,
});

describe('text of others', () => {
  it('loses everything that is not text', () => {
    expect(plain(HOSTILE)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(plain('Müller → 検索 ✓')).toBe('Müller → 検索 ✓');
  });

  it('is harmless in every kind of entry, known or not', () => {
    const members = [
      'sub_agent_id',
      'purpose',
      'reason',
      'tool',
      'code',
      'authority',
      'artifact_hash',
      'by',
      'anything',
    ];
    for (const kind of [...EVENT_KINDS, 'SOMETHING_NEW']) {
      const event = {
        kind,
        ...Object.fromEntries(members.map((name) => [name, HOSTILE])),
        artifact: { subject: HOSTILE },
      };
      expect(lines(new Map(), side(false))(entry(event))).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(lines(new Map(), side(false))(entry({ kind }))).toContain(kind);
    }
  });

  it('is harmless in a drawn tree', () => {
    const text = drawn(
      `● a${HOSTILE.replace('\n', '')}b  ${'0'.repeat(12)}  active`,
      [{ artifact_hash: '0'.repeat(64) }],
      side(true),
    );
    expect(text).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

describe('a drawn tree', () => {
  it('says what is left of limits and budget', () => {
    const node = {
      artifact_hash: 'a'.repeat(64),
      limits_left: { calls: 1, calls_per_minute: 2 },
      budget_left: ['USD:1'],
    };
    const text = drawn(`◐ x  ${'a'.repeat(12)}  suspended`, [node], side(false));
    expect(text).toBe('◐ x  aaaaaaaaaaaa  suspended, 1 call left, 2 left this minute, USD:1 left');
    expect(drawn('', [], side(false))).toContain('create');
  });
});

describe('the table of entries', () => {
  it('fits a terminal, and shows each day once', () => {
    const print = lines(new Map(), side(true, 80));
    const event = { kind: 'REVOCATION', artifact_hash: 'a'.repeat(64), by: null, reason: 'x'.repeat(200) };
    const [heading = '', first = ''] = print(entry(event)).split('\n');
    expect(heading).toMatch(/^2026-11-2\d$/);
    expect(first).toHaveLength(80);
    expect(print(entry(event)).split('\n')).toHaveLength(1);
  });

  it('calls an agent by its name once it is known', () => {
    const print = lines(new Map(), side(false));
    const [parent, child] = ['a'.repeat(64), 'b'.repeat(64)];
    print(entry({ kind: 'ARTIFACT_CREATED', artifact_hash: parent, artifact: { subject: 'lead', purpose: 'p' } }));
    const members = {
      parent_artifact_hash: parent,
      child_artifact_hash: child,
      sub_agent_id: 'reader',
      effective_ttl: 600,
    };
    expect(print(entry({ kind: 'DELEGATION', ...members, purpose: 'p' }))).toMatch(
      /lead .*→ reader bbbbbbbbbbbb for 10 min: p$/,
    );
    expect(print(entry({ kind: 'REVOCATION', artifact_hash: child, by: parent, reason: 'r' }))).toMatch(
      /lead .*✕ reader/,
    );
    expect(print(entry({ kind: 'REVOCATION', artifact_hash: child, by: null, reason: 'r' }))).toContain('operator');
  });
});

describe('lengths', () => {
  it('are told in the largest unit that leaves at least two', () => {
    const told = [-5, 0, 1_000, 119_000, 120_000, 7_199_000, 7_200_000, 172_800_000].map(span);
    expect(told).toEqual(['0 s', '0 s', '1 s', '119 s', '2 min', '119 min', '2 h', '2 d']);
    expect(cut('abcdef', 4)).toBe('abc…');
    expect(cut('abcd', 4)).toBe('abcd');
  });

  it('of work are shown to nobody where nobody looks', () => {
    const { watch, stop } = progress({ out: side(false), err: side(false), interactive: false }, 'x');
    watch(1, 1_000_000);
    stop();
  });
});

describe('suggest', () => {
  const decision = (tool: string | null, verdict: string, mode: string, sequence: number): LogEntry =>
    entry({ kind: 'DECISION', capability: 'tool.call', tool, verdict, mode }, sequence);

  const ask = async (entries: readonly LogEntry[], config: Config = defaults()) => {
    const call = async () => ({ entries, next: null, head: { size: entries.length } });
    const desk = { open: () => ({ call }), settings: () => ({ artifact: null, config }) } as unknown as Desk; // all it uses
    const outcome = await suggest.run(desk, { input: {}, options: {} });
    return {
      answer: outcome?.answer as { permissions: Record<string, string[]>; uses: object[] },
      text: outcome?.text(side(false)) ?? '',
    };
  };

  it('covers what went out, and nothing that was refused for good', async () => {
    const { answer, text } = await ask([
      decision('fs/read', 'permit', 'enforce', 1),
      decision('git/log', 'refuse', 'shadow', 2),
      decision('fs/read', 'permit', 'shadow', 3),
      decision('fs/wipe', 'refuse', 'enforce', 4),
      decision(null, 'permit', 'enforce', 5),
    ]);
    expect(answer.permissions).toEqual({ 'tool.call': ['fs/read', 'git/log'] });
    expect(text).toContain(`--permissions '{"tool.call":["fs/read","git/log"]}'`);
    expect(text).toContain('1 would have been refused');
  });

  it('names what those calls touch as well, as widely as a root may have it', async () => {
    const entries = ['files/read_file', 'files/unmapped', 'plain/read_file', 'claude-code/WebFetch'].map((tool, i) =>
      decision(tool, 'refuse', 'shadow', i),
    );
    const prompt = entry({ kind: 'DECISION', capability: 'mcp.prompt', tool: null, verdict: 'permit', mode: 'shadow' });
    const maps = { files: '@modelcontextprotocol/server-filesystem' };
    const { 'tool.call': _, ...wide } = (await ask([...entries, prompt], { ...defaults(), maps })).answer.permissions;
    expect(wide).toEqual({ 'fs.read': ['/**'], 'mcp.prompt': ['**'], 'net.fetch': ['**'] });
    const root_ceiling = { permissions: { 'tool.call': ['**'], 'fs.read': ['/ws/**'] } };
    const { permissions } = (await ask([...entries, prompt], { ...defaults(), maps, root_ceiling })).answer;
    expect(permissions).toMatchObject({ 'fs.read': ['/ws/**'] });
    expect(Object.keys(permissions)).toEqual(['tool.call', 'fs.read']);
  });

  it('is not written by the agents that it is about', async () => {
    const made = ['files/*', 'files/**', 'files/a/../b', "files/x'; touch y; '", 'files/\u202eevil', 'files/ok'];
    const { answer, text } = await ask(made.map((tool, i) => decision(tool, 'refuse', 'shadow', i)));
    expect(answer.permissions['tool.call']).toEqual(['files/ok', "files/x'; touch y; '", 'files/\u202eevil']);
    expect(answer.uses).toHaveLength(6);
    expect(text.match(/no permission can name it/g)).toHaveLength(3);
    const [, pasted = ''] = /^--permissions '([^']*)'$/m.exec(text) ?? [];
    expect(JSON.parse(pasted)).toEqual(answer.permissions);
    expect(text).not.toContain('\u202e');
  });

  it('stays a list that the program takes, however many tools there were', async () => {
    const many = Array.from({ length: 300 }, (_, i) => decision(`s${i % 3}/t${i}`, 'permit', 'shadow', i));
    expect((await ask(many)).answer.permissions).toEqual({ 'tool.call': ['s0/**', 's1/**', 's2/**'] });
    expect((await ask([])).text).toContain('shadow');
  });
});
