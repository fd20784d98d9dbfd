/** A tool's parameters as flags: the name with hyphens, the description as help, the value by the form of its schema. */
import { Option } from 'commander';
import * as z from 'zod';
import type { Json } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import { parseStrict } from '../../base/strict-json.ts';

export interface Flag {
  /** The parameter. */
  readonly name: string;
  readonly option: Option;
  /** What was given on the command line → what the tool takes. Throws `INVALID_REQUEST`. */
  value(given: unknown): unknown;
}

type Schema = {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly items?: Schema;
};

/** How a value of one form is written. What is not text, number or switch is JSON. */
interface Form {
  readonly argument: (name: string) => string;
  readonly repeated: boolean;
  value(text: string, flag: string, schema: Schema): unknown;
}

const lastWord = (name: string): string => ` <${name.split('_').at(-1)}>`;
const json = (text: string, flag: string): Json => {
  try {
    return parseStrict(text, { exact: true });
  } catch (error) {
    const hint = `Write it as one JSON value in single quotes: ${flag} '…'. The help of the command shows its form.`;
    throw new Refusal('INVALID_REQUEST', `${flag}: ${Refusal.from(error).message}`, { hint });
  }
};

const FORMS: { readonly [type: string]: Form } = {
  string: { argument: lastWord, repeated: false, value: (text) => text },
  // What is not a number, or not a whole one, is passed on: the tool says what it takes.
  integer: {
    argument: lastWord,
    repeated: false,
    value: (text) => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text),
  },
  boolean: { argument: () => '', repeated: false, value: () => true },
  array: { argument: lastWord, repeated: true, value: items },
};
const JSON_FORM: Form = { argument: () => ' <json>', repeated: false, value: json };

/** One flag a parameter, in the order of the schema; those in `optional` may be left out although the tool needs them. */
export function flagsOf(input: z.ZodObject, known: readonly string[], optional: readonly string[]): Flag[] {
  const { properties = {}, required = [] } = z.toJSONSchema(input, { io: 'input' }) as {
    properties?: Record<string, Schema>; // JSON Schema, of which we read four members
    required?: string[];
  };
  return Object.entries(properties)
    .filter(([name]) => !known.includes(name))
    .map(([name, schema]) => flagOf(name, schema, required.includes(name) && !optional.includes(name)));
}

function flagOf(name: string, schema: Schema, required: boolean): Flag {
  const form = FORMS[schema.type ?? ''] ?? JSON_FORM;
  const flag = `--${name.replaceAll('_', '-')}`;
  const meaning = schema.type === 'boolean' ? sayGiven(schema.description) : schema.description;
  const help = [meaning, schema.enum && `One of ${schema.enum.join(', ')}`].filter(Boolean).join('. ');
  const option = new Option(`${flag}${form.argument(name)}`, form.repeated ? `${help} (repeat it, or JSON)` : help);
  if (required) option.makeOptionMandatory();
  if (form.repeated) option.argParser((text: string, sofar: string[] = []) => [...sofar, text]);
  return {
    name,
    option,
    value: (given) =>
      Array.isArray(given)
        ? given.flatMap((text: string) => form.value(text, flag, schema))
        : form.value(String(given), flag, schema),
  };
}

/** What a switch does by being there: its parameter is true or false, and says so. */
const sayGiven = (description = ''): string =>
  description.replace(/^True: ./, (begin) => begin.slice(-1).toUpperCase()).replace(/\. Omit for false$/, '');

/** One occurrence of a list's flag: an item, or a JSON list of items. A pattern may begin with a bracket, too. */
function items(text: string, flag: string, { items: item }: Schema): unknown {
  if (item?.type !== 'string') return json(text, flag);
  if (!text.startsWith('[')) return text;
  try {
    const list = parseStrict(text);
    return Array.isArray(list) ? list : text;
  } catch {
    return text;
  }
}
