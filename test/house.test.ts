/** The house rules that a machine can hold: who may know whom, what stays pure, how long a file grows. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = join(import.meta.dirname, '../src');
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.split(sep).join('/'))
  .sort();

/** Room → rooms (and root files) it may import from. A room is the first folder, or the file itself at the root. */
const MAY_IMPORT: { readonly [room: string]: readonly string[] } = {
  base: [],
  scope: ['base'],
  artifact: ['base', 'scope'],
  chain: ['base'],
  authority: ['base', 'scope', 'artifact', 'chain', 'ports.ts'],
  evidence: ['base', 'scope', 'artifact', 'chain', 'authority', 'ports.ts'],
  'ports.ts': [],
  'caller.ts': ['artifact', 'authority'],
  tools: ['base', 'scope', 'artifact', 'chain', 'authority', 'evidence', 'ports.ts', 'caller.ts'],
  'follower.ts': ['base', 'chain', 'authority', 'ports.ts'],
  'tokens.ts': ['base', 'artifact', 'ports.ts'],
  'call.ts': ['base', 'chain', 'authority', 'ports.ts', 'caller.ts', 'tools'],
  'deciding.ts': ['base', 'authority', 'ports.ts', 'call.ts', 'tokens.ts', 'tools'],
  'landing.ts': ['base', 'ports.ts', 'tools'],
  'sequencer.ts': ['base', 'authority', 'ports.ts', 'call.ts', 'deciding.ts', 'follower.ts', 'landing.ts', 'tools'],
  service: ['base', 'scope', 'artifact', 'authority', 'call.ts', 'caller.ts', 'sequencer.ts', 'tools', 'tracing.ts'],
  'tracing.ts': ['base'],
  client: ['base', 'artifact'],
  store: ['base', 'ports.ts'],
  witness: ['base', 'chain', 'evidence', 'ports.ts', 'keys', 'store'],
  keys: ['base', 'ports.ts'],
};
const PURE = ['base', 'scope', 'artifact', 'chain', 'authority', 'evidence', 'tools'];
/** What a pure room never touches. `node:crypto` is hashing and signing: same bytes in, same bytes out. */
const IMPURE =
  /\b(?:Date\.now|new Date\(\)|Math\.random|process\.|console\.|setTimeout|setInterval|randomBytes|fetch\()/;

const roomOf = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/')) : file);

function importsOf(file: string): string[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1]!);
}

function localImports(file: string): string[] {
  return importsOf(file)
    .filter((name) => name.startsWith('.'))
    .map((name) =>
      relative(SRC, join(SRC, dirname(file), name))
        .split(sep)
        .join('/'),
    );
}

describe('the house', () => {
  it('lets a room import only the rooms below it; move what is shared down, or pass it in', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const allowed = MAY_IMPORT[roomOf(file)];
      if (!allowed) continue;
      for (const target of localImports(file)) {
        const room = roomOf(target);
        if (room !== roomOf(file) && !allowed.includes(room)) wrong.push(`${file} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('keeps pure rooms free of clocks, chance, processes and consoles; take them as arguments', () => {
    const wrong: string[] = [];
    for (const file of files.filter((name) => PURE.includes(roomOf(name)))) {
      const code = readFileSync(join(SRC, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      const found = IMPURE.exec(code);
      if (found) wrong.push(`${file}: ${found[0]}`);
      for (const name of importsOf(file)) {
        if (name.startsWith('node:') && name !== 'node:crypto') wrong.push(`${file} imports ${name}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('has no import cycles; split the thing both need into a file of its own', () => {
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      if (done.has(file) || path.includes(file)) return;
      for (const target of runtimeImports(file)) if (files.includes(target)) visit(target, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('keeps each third party behind one door; ask the room that owns it', () => {
    const doors: readonly [RegExp, RegExp][] = [
      [/^@modelcontextprotocol\/(server|node)/, /^edge\/(mcp|methods|direct|http\/.*)\.ts$|^edge\/http\//],
      [/^@modelcontextprotocol\/client/, /^(edge\/gateway\/|client\/)/],
      [/^@noble\//, /^base\/(digest|ed25519).*\.ts$/],
      [/^(commander|@clack\/prompts)$/, /^edge\/cli\//],
      [/^hono|^@hono\//, /^edge\/http/],
      [/^@opentelemetry\//, /^tracing\.ts$/],
      [/^pg$/, /^store\/postgres\//],
    ];
    const wrong: string[] = [];
    for (const file of files) {
      for (const name of importsOf(file)) {
        for (const [third, door] of doors)
          if (third.test(name) && !door.test(file)) wrong.push(`${file} imports ${name}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('does not let tools know each other, except for what one of them exports as a shape', () => {
    const shared =
      /^tools\/(tool|schema|request|derive|available|job|subject|permissions|requested-scope|offering|drawing|status|head|launch|exhausted|verify-evidence)\.ts$/;
    const wrong: string[] = [];
    for (const file of files.filter((name) => roomOf(name) === 'tools' && name !== 'tools/index.ts')) {
      for (const target of localImports(file)) {
        if (roomOf(target) === 'tools' && !shared.test(target)) wrong.push(`${file} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('keeps files short enough to hold in the head: at most 300 lines, half of them under 130; split by concept', () => {
    const lengths = files.map((file) => [readFileSync(join(SRC, file), 'utf8').split('\n').length, file] as const);
    expect(lengths.filter(([length]) => length > 300)).toEqual([]);
    const sorted = lengths.map(([length]) => length).sort((a, b) => a - b);
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(130);
  });

  it('prints nothing on stdout from where the protocol speaks', () => {
    const wrong = files.filter((file) => /console\.log/.test(readFileSync(join(SRC, file), 'utf8')));
    expect(wrong).toEqual([]);
  });
});

/** Imports that exist at run time; a type refers without running. */
function runtimeImports(file: string): string[] {
  const text = readFileSync(join(SRC, file), 'utf8').replace(/import type [^;]+;/g, '');
  return [...text.matchAll(/from\s*'(\.[^']+)'/g)].map((match) =>
    relative(SRC, join(SRC, dirname(file), match[1]!))
      .split(sep)
      .join('/'),
  );
}
