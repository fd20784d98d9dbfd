/** What could have been said instead of a member that is not known: read from the schema, so that no list grows stale. */
import type * as z from 'zod';

/** The members of the object that the schema has at this place; empty where no object with members of its own stands. */
export function membersAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  let here: readonly Schema[] = alternatives(schema);
  for (const key of path) here = here.flatMap((each) => below(each, key)).flatMap(alternatives);
  return [...new Set(here.flatMap((each) => (isObject(each) ? Object.keys(each._zod.def.shape) : [])))];
}

/** The library's closed list, which its base class does not tell. */
type Schema = z.core.$ZodTypes;

const isObject = (schema: Schema): schema is z.core.$ZodObject => schema._zod.def.type === 'object';

/** Without what a value passes on its way: defaults, and the forms among which it may choose. */
function alternatives(wrapped: z.core.$ZodType): Schema[] {
  const schema = wrapped as Schema;
  const { def } = schema._zod;
  if ('innerType' in def) return alternatives(def.innerType);
  if (def.type === 'pipe') return alternatives(def.in);
  if (def.type === 'lazy') return alternatives(def.getter());
  if (def.type === 'union') return def.options.flatMap(alternatives);
  return [schema];
}

function below(schema: Schema, key: PropertyKey): z.core.$ZodType[] {
  const { def } = schema._zod;
  if (def.type === 'array') return [def.element];
  if (def.type === 'record') return [def.valueType];
  if (def.type !== 'object') return [];
  const { shape }: { shape: z.core.$ZodShape } = def;
  return Object.hasOwn(shape, key) ? [shape[String(key)]!] : [];
}
