/** What is wrong with a value, in words for its sender: a schema library speaks of "records" that are "too small". */
import type * as z from 'zod';
import { membersAt } from './members.ts';

type Issue = z.core.$ZodIssue;

const NOUNS: { readonly [type: string]: string } = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

/** What of text and of lists is counted; a number is bounded itself. */
const COUNTED: { readonly [origin: string]: string } = { string: 'characters', array: 'items' };

function bounded(origin: string, bound: 'at least' | 'at most', count: number | bigint): string {
  const counted = COUNTED[origin];
  if (counted === undefined) return `must be ${bound} ${count}`;
  return bound === 'at least' && count === 1 ? 'must not be empty' : `must have ${bound} ${count} ${counted}`;
}

/** Follows the name of the member; the schema says which could have been named. What it says in its own words stays as it is. */
export function sayIssue(issue: Issue, schema?: z.core.$ZodType): string {
  switch (issue.code) {
    case 'invalid_type':
      return sayType(issue.expected, issue.message);
    case 'too_small':
      return bounded(issue.origin, 'at least', issue.minimum);
    case 'too_big':
      return bounded(issue.origin, 'at most', issue.maximum);
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'unrecognized_keys':
      return `has unknown members: ${issue.keys.slice(0, 5).join(', ')}${sayMembers(schema, issue.path)}`;
    default:
      return issue.message;
  }
}

function sayMembers(schema: z.core.$ZodType | undefined, at: readonly PropertyKey[]): string {
  const members = schema ? membersAt(schema, at) : [];
  return members.length > 0 ? `; allowed are ${members.join(', ')}` : '';
}

/** The first thing that is wrong, as the end of a sentence that has a colon. */
export function sayFirst([issue]: readonly Issue[]): string {
  if (issue === undefined) return 'it has another form';
  const place = issue.path.join('.');
  return place === '' ? `it ${sayIssue(issue)}` : `${place}: ${sayIssue(issue)}`;
}

/** The type that was received stands in the library's own sentence alone. */
function sayType(expected: string, message: string): string {
  const received = /received (\w+)$/.exec(message)?.[1] ?? '';
  if (received === 'undefined') return 'is missing';
  const noun = NOUNS[expected];
  if (noun === undefined) return message;
  if (received === 'null') return `must be ${noun}, not null; leave it out where it has no value`;
  const given = NOUNS[received];
  return given === undefined || (expected === 'int' && received === 'number')
    ? `must be ${noun}`
    : `must be ${noun}, not ${given}`;
}
