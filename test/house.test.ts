/** The house rules that a machine can hold: who may know whom, what stays pure, how long a file grows. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = join(import.meta.dirname, '../src');
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.split(sep).join('/'))
  .sort();

/** Room → rooms, root files and single files that it may import from. A room is the first folder, or the file itself at the root. */
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
  sequencer: ['base', 'chain', 'authority', 'ports.ts', 'caller.ts', 'keys', 'tools'],
  service: ['base', 'artifact', 'authority', 'caller.ts', 'sequencer', 'tools', 'tracing.ts'],
  'tracing.ts': ['base'],
  client: ['base', 'artifact'],
  store: ['base', 'ports.ts'],
  witness: ['base', 'chain', 'evidence', 'ports.ts', 'cannot-start.ts', 'store'],
  keys: ['base', 'artifact', 'ports.ts', 'cannot-start.ts'],
  jobs: ['base', 'artifact', 'authority', 'chain', 'tools', 'service', 'caller.ts', 'process-group.ts', 'tracing.ts'],
  config: ['base', 'scope', 'cannot-start.ts', 'edge/gateway/config.ts'],
  'config.ts': ['config', 'cannot-start.ts'],
  'verify.ts': ['chain', 'evidence'],
  'index.ts': ['base', 'scope', 'artifact', 'chain', 'authority', 'client', 'verify.ts'],
  'cannot-start.ts': [],
  'complaint.ts': ['base', 'cannot-start.ts'],
  'once.ts': ['base'],
  'process-group.ts': [],
  'version.ts': [],
};
/** Who puts the rooms together, and the edges, which are asked for things of every room. */
const KNOWS_MANY = ['edge', 'archiving', 'installation', 'main.ts', 'assemble.ts'];
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
      const own = roomOf(file);
      const allowed = MAY_IMPORT[own];
      if (!allowed && !KNOWS_MANY.includes(own)) wrong.push(`${file}: a new room needs a row in the table`);
      for (const target of allowed ? localImports(file) : []) {
        const known = [own, ...(allowed ?? [])];
        if (!known.includes(roomOf(target)) && !known.includes(target)) wrong.push(`${file} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('lets no row of the table permit what nobody imports; strike it out', () => {
    const unused = Object.entries(MAY_IMPORT).flatMap(([room, allowed]) => {
      const targets = files.filter((file) => roomOf(file) === room).flatMap(localImports);
      return allowed
        .filter((name) => !targets.some((target) => target === name || roomOf(target) === name))
        .map((name) => `${room}: ${name}`);
    });
    expect(unused).toEqual([]);
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
      [/^@modelcontextprotocol\/(server|node)/, /^edge\/mcp\/(server|methods|direct)\.ts$|^edge\/http\//],
      [/^@modelcontextprotocol\/client/, /^(edge\/gateway\/|client\/)/],
      [/^@noble\//, /^base\/(digest|ed25519).*\.ts$/],
      [/^(commander|@clack\/prompts)$/, /^edge\/cli\//],
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

  it('does not let tools know each other; put what two need into a file beside them', () => {
    // A tool is what the list names; everything else in the room is there to be shared.
    const tools = localImports('tools/index.ts').filter((name) => name !== 'tools/tool.ts');
    expect(tools.length).toBeGreaterThan(10);
    const wrong = files
      .filter((name) => roomOf(name) === 'tools' && name !== 'tools/index.ts')
      .flatMap((file) => localImports(file).map((target) => [file, target] as const))
      .filter(([, target]) => tools.includes(target))
      .map(([file, target]) => `${file} imports ${target}`);
    expect(wrong).toEqual([]);
  });

  it('exports no value that nobody else imports; drop the export, or the thing', () => {
    const root = join(SRC, '..');
    const texts = ['src', 'test', 'bench', 'scripts', 'examples'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => [join(folder, name), readFileSync(join(root, folder, name), 'utf8')] as const),
    );
    const readers = new Map<string, number>();
    for (const [, text] of texts)
      for (const word of new Set(text.match(/\w+/g))) readers.set(word, (readers.get(word) ?? 0) + 1);
    const unread = texts.flatMap(([file, text]) =>
      Array.from(text.matchAll(/^export (?:async )?(?:function\*?|const|class) (\w+)/gm), ([, name]) => name!)
        .filter((name) => readers.get(name) === 1)
        .map((name) => `${file}: ${name}`),
    );
    expect(unread).toEqual([]);
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
