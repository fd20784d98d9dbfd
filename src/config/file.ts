/**
 * The configuration file: JSON with comments, every member once, with its default and its help text.
 *
 * A member that is not known is refused, never ignored: somebody who misspells `root_ceiling` believes to have one.
 */
import { readFileSync } from 'node:fs';
import stripJsonComments from 'strip-json-comments';
import * as z from 'zod';
import { Refusal } from '../base/refusal.ts';
import { parseStrict } from '../base/strict-json.ts';
import { CannotStart } from '../keys/file.ts';
import { agents, ceiling, limits, maps, measure, prices, upstreams } from './members.ts';
import { nearest } from './nearest.ts';

export const configSchema = z.strictObject({
  upstreams: upstreams
    .default({})
    .describe('MCP servers behind the gateway, in the shape of `mcpServers`, and `timeout` in ms'),
  agents: agents.default({}).describe('Agents that jobs may be given to: `name@version` to how it is started'),
  presets: z
    .record(z.string().min(1).max(64), ceiling)
    .default({})
    .describe('Named scope ceilings that a delegation can ask for, beside the built-in ones'),
  root_ceiling: ceiling
    .optional()
    .describe('What no root may exceed, whoever asks; everything but a budget where it is absent'),
  limits: limits.optional().describe('Calls that a root is given which names no limits'),
  mode: z
    .enum(['enforce', 'shadow'])
    .default('enforce')
    .describe('`shadow` records what would have been refused, and refuses nothing of it'),
  refusals_per_minute: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10)
    .describe('Refusals of one artifact in a minute that fire its triggers'),
  job_grace_seconds: z
    .int()
    .min(0)
    .max(3600)
    .default(5)
    .describe('Seconds that a job has to end by itself before it is killed'),
  measure: measure
    .default({})
    .describe('What is measured besides tool definitions: upstream to folders and pinned digests'),
  maps: maps
    .default({})
    .describe('Which arguments of which tool are paths or URLs: upstream to a shipped map, or to one of your own'),
  prices: prices.default({}).describe('What a call costs: `server/tool` to a price'),
});

export type Config = z.infer<typeof configSchema>;

/** What holds without a file. */
export const defaults = (): Config => configSchema.parse({});

/** Reads the file. Throws `CannotStart`, which names the member that is wrong. */
export function readConfig(path: string): Config {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new CannotStart(`Cannot read the configuration ${path}: ${(error as NodeJS.ErrnoException).code}.`);
  }
  return parseConfig(text, path);
}

/** `name` stands in messages. */
export function parseConfig(text: string, name: string): Config {
  let value: unknown;
  try {
    // A byte-order mark is how some editors begin every file.
    value = parseStrict(stripJsonComments(text.replace(/^\uFEFF/, '')));
  } catch (error) {
    throw new CannotStart(`The configuration ${name} cannot be used: ${Refusal.from(error).message}${hintOf(text)}`);
  }
  const parsed = configSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 5).map((issue) => `  ${say(issue)}`);
  throw new CannotStart(`The configuration ${name} cannot be used:\n${issues.join('\n')}`);
}

/** Where the native parser stopped, without the text there: it may be a secret. */
function hintOf(text: string): string {
  try {
    JSON.parse(stripJsonComments(text));
    return '';
  } catch (error) {
    const at = /position (\d+)/.exec(String(error))?.[1];
    if (at === undefined) return '';
    return ` (line ${text.slice(0, Number(at)).split('\n').length})`;
  }
}

function say(issue: z.core.$ZodIssue, above: readonly string[] = []): string {
  const at = [...above, ...issue.path.map(String)];
  if (issue.code === 'invalid_union') {
    const [closest] = [...issue.errors].sort((a, b) => faults(a) - faults(b));
    if (closest?.[0]) return closest.map((each) => say(each, at)).join('\n  ');
  }
  if (issue.code !== 'unrecognized_keys') return `${at.join('.') || 'the file'}: ${issue.message}`;
  const known = at.length === 0 ? Object.keys(configSchema.shape) : [];
  return issue.keys
    .slice(0, 5)
    .map((key) => {
      const meant = nearest(key, known);
      const help = meant ? ` Did you mean "${meant}"?` : known.length > 0 ? ` Known are ${known.join(', ')}.` : '';
      return `${[...at, key].join('.')}: there is no such member.${help}`;
    })
    .join('\n  ');
}

/** How far a value is from one form of several. */
const faults = (issues: readonly z.core.$ZodIssue[]): number =>
  issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0);
