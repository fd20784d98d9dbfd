/** What an agent reads of a tool before it calls it: complete, short, strict, and not changed by accident. */
import { describe, expect, it } from 'vitest';
import { operator } from '../../src/caller.ts';
import { governedSession } from '../../src/edge/mcp/governed.ts';
import { kernel } from '../kernel.ts';

/** The part of JSON Schema that is looked at here. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: { readonly [name: string]: Schema };
  readonly items?: Schema;
  readonly propertyNames?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly prefixItems?: readonly Schema[];
}

/** A tool as `tools/list` shows it. */
interface Shown {
  readonly description: string;
  readonly title: string;
  readonly annotations: { readonly [hint: string]: unknown };
  readonly inputSchema: Schema;
  readonly outputSchema: Schema;
}

const session = () => governedSession(kernel().service, operator());
const tools = await session().listTools();
const names = tools.map(({ name }) => name);

interface Node {
  readonly path: string;
  readonly schema: Schema;
}

/** A schema and all schemas in it. */
function* nodes(schema: Schema, path: string): Generator<Node> {
  yield { path, schema };
  for (const [name, each] of Object.entries(schema.properties ?? {})) yield* nodes(each, `${path}.${name}`);
  for (const each of [schema.items, schema.additionalProperties, schema.propertyNames]) {
    if (typeof each === 'object') yield* nodes(each, `${path}[]`);
  }
  for (const list of [schema.anyOf, schema.oneOf, schema.allOf, schema.prefixItems]) {
    for (const each of list ?? []) yield* nodes(each, path);
  }
}

const tokens = (value: unknown): number => JSON.stringify(value).length / 4;
const words = (text: string): number => text.split(/\s+/).length;

describe.each(tools.map((tool) => [tool.name, tool] as const))('%s', (name, tool) => {
  const { inputSchema, outputSchema, description, title, annotations } = tool as unknown as Shown; // a schema is JSON to the session
  const all = [...nodes(inputSchema, 'input'), ...nodes(outputSchema, 'output')];

  it('has a name that every host takes', () => {
    expect(name).toMatch(/^aga_[a-z]+(_[a-z]+)*$/);
    expect(name.length).toBeLessThanOrEqual(64);
    for (const { schema } of all) {
      for (const property of Object.keys(schema.properties ?? {})) expect(property).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    }
  });

  it('says in 60 to 120 words what it does, when, and which sibling to use instead', () => {
    expect(words(description)).toBeGreaterThanOrEqual(60);
    expect(words(description)).toBeLessThanOrEqual(120);
    expect(names.filter((sibling) => sibling !== name && new RegExp(`\\b${sibling}\\b`).test(description))).not.toEqual(
      [],
    );
    for (const named of description.match(/\baga_\w+/g) ?? []) expect(names).toContain(named);
  });

  it('has a title and all four annotations, which contradict nothing', () => {
    expect(title).toMatch(/^\p{Lu}.{3,60}[^.]$/u);
    const hints = annotations;
    expect(Object.keys(hints).sort()).toEqual(['destructiveHint', 'idempotentHint', 'openWorldHint', 'readOnlyHint']);
    for (const hint of Object.values(hints)) expect(hint).toBeTypeOf('boolean');
    if (hints.readOnlyHint) expect(hints).toMatchObject({ destructiveHint: false, idempotentHint: true });
    expect(/\bWrites nothing\b/.test(description)).toBe(hints.readOnlyHint);
  });

  it('describes every property', () => {
    const silent = all.flatMap(({ path, schema }) =>
      Object.entries(schema.properties ?? {})
        .filter(([, each]) => (each.description ?? '').length < 3)
        .map(([property]) => `${path}.${property}`),
    );
    expect(silent).toEqual([]);
  });

  it('takes and gives objects without anything unknown in them', () => {
    for (const { path, schema } of all) {
      if (schema.type !== 'object') continue;
      // A record names no properties; its values have a schema of their own.
      const expected = schema.properties ? false : expect.any(Object);
      expect([path, schema.additionalProperties]).toEqual([path, expected]);
    }
  });

  it('has an object at the root, no unions there, and no references', () => {
    for (const schema of [inputSchema, outputSchema]) {
      expect(schema.type).toBe('object');
      for (const keyword of ['anyOf', 'oneOf', 'allOf', 'not', 'if', '$ref', '$defs', '$schema']) {
        expect(schema).not.toHaveProperty(keyword);
      }
    }
    for (const { path, schema } of all) expect([path, '$ref' in schema]).toEqual([path, false]);
  });

  it('tells a type, or a list of values, for every place of its input', () => {
    for (const { path, schema } of nodes(inputSchema, 'input')) {
      if (Object.keys(schema).every((keyword) => keyword === 'description')) continue; // any JSON
      const told = ['type', 'enum', 'const', 'anyOf', 'oneOf'].some((keyword) => keyword in schema);
      expect([path, told]).toEqual([path, true]);
    }
  });

  it('looks as it did; a change is one that hosts and agents see', async () => {
    await expect(`${JSON.stringify(tool, null, 2)}\n`).toMatchFileSnapshot(`__snapshots__/${name}.snap`);
  });
});

describe('the list of tools', () => {
  it('is at most 15 long, in one order, with names of their own', async () => {
    expect(names.length).toBeLessThanOrEqual(15);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(tools.map(({ title }) => title)).size).toBe(names.length);
    expect(JSON.stringify(await session().listTools())).toBe(JSON.stringify(tools));
  });

  it('costs an agent at most 4,000 tokens, and 8,000 with the output schemas', () => {
    const bare = tools.map(({ outputSchema: _, ...rest }) => rest);
    // As the whole answer, however somebody counts.
    expect(tokens({ tools: bare })).toBeLessThanOrEqual(4000);
    expect(tokens({ tools })).toBeLessThanOrEqual(8000);
  });

  it('does not change because of calls', async () => {
    const { service, call } = kernel();
    const served = governedSession(service, operator());
    await call('aga_create_artifact', {});
    await call('aga_delegate_to_subagent', {});
    expect(JSON.stringify(await served.listTools())).toBe(JSON.stringify(tools));
  });
});
