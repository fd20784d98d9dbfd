/**
 * The configuration file: JSON with comments, every member once, with its default and its help text.
 *
 * A member that is not known is refused, never ignored: somebody who misspells `root_ceiling` believes to have one.
 */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import stripJsonComments from 'strip-json-comments';
import * as z from 'zod';
import { membersAt } from '../base/members.ts';
import { Refusal } from '../base/refusal.ts';
import { parseStrict } from '../base/strict-json.ts';
import { sayIssue } from '../base/wording.ts';
import { CannotStart } from '../cannot-start.ts';
import { mapsSchema, measureSchema, strayMaps, upstreamsSchema } from '../edge/gateway/config.ts';
import { agents, ceiling, limits, presets, prices } from './members.ts';
import { nearest } from './nearest.ts';
import { namedTwice } from './twice.ts';

export const configSchema = z.strictObject({
  upstreams: upstreamsSchema
    .default({})
    .describe('MCP servers behind the gateway, written like `mcpServers`; also `timeout` in ms (60000)'),
  maps: mapsSchema
    .default({})
    .describe(
      'Which tool arguments are paths or URLs: for each upstream the name of a shipped map, or a map of your own',
    ),
  mode: z
    .enum(['enforce', 'shadow'])
    .default('enforce')
    .describe('`shadow` lets calls pass and records which would have been refused, for `aga-delegate suggest`'),
  root_ceiling: ceiling
    .optional()
    .describe('What no root may exceed: `permissions`, `limits`, `argument_rules`; absent: everything but a budget'),
  presets: presets
    .optional()
    .describe('Named scopes of the same shape for `policy_preset`, in addition to the built-in ones'),
  limits: limits.optional().describe('`calls` and `calls_per_minute` of a root that names none'),
  require_hook: z
    .boolean()
    .default(false)
    .describe('Refuse calls of Claude Code that its hook has not announced, see docs/hosts.md'),
  refusals_per_minute: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10)
    .describe('Refusals of one artifact within a minute; more than this fire its triggers'),
  measure: measureSchema
    .default({})
    .describe('Folders to measure and digests to pin: for each upstream `paths` and `pins`'),
  agents: agents.default({}).describe('Agents that take jobs: for each `name@version` a command, or `"remote": true`'),
  job_grace_seconds: z
    .int()
    .min(0)
    .max(3600)
    .default(5)
    .describe('Seconds that a job has to end by itself before it is killed'),
  prices: prices
    .default({})
    .describe('What a call costs: for each `server/tool` `per_call`, `per_kib` or a place in its `result`'),
});

export type Config = z.infer<typeof configSchema>;

/** What holds without a file. */
export const defaults = (): Config => configSchema.parse({});

/** Reads the file. Throws `CannotStart`, which names the member that is wrong. */
export function readConfig(path: string): Config {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new CannotStart(`Cannot read the configuration ${path}: ${(error as NodeJS.ErrnoException).code}.`);
  }
  // Read nevertheless, a name in it would be another one than was meant, and bind nothing.
  if (!isUtf8(bytes)) throw new CannotStart(`Cannot read the configuration ${path}: it is not UTF-8.`);
  return parseConfig(bytes.toString(), path);
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
  const issues = parsed.success
    ? stray(parsed.data)
    : parsed.error.issues.slice(0, 5).map((issue) => `  ${say(issue)}`);
  if (parsed.success && issues.length === 0) return parsed.data;
  throw new CannotStart(`The configuration ${name} cannot be used:\n${issues.join('\n')}`);
}

/** What is said of an upstream that is not there would bind nothing: a slip of the pen, and nobody would notice. */
const stray = ({ upstreams, maps, measure, prices }: Config): string[] =>
  [
    ...strayMaps(upstreams, maps).map((name) => ({ place: `maps.${name}`, name })),
    ...Object.keys(measure).map((name) => ({ place: `measure.${name}`, name })),
    ...Object.keys(prices).map((tool) => ({ place: `prices.${tool}`, name: tool.slice(0, tool.indexOf('/')) })),
  ]
    .filter(({ name }) => !Object.hasOwn(upstreams, name))
    .slice(0, 5)
    .map(({ place, name }) => `  ${place}: there is no upstream "${name}", so it would have no effect.`);

/** Where the native parser stopped, without the text there: it may be a secret; or which name stands twice. */
function hintOf(text: string): string {
  const plain = stripJsonComments(text);
  try {
    JSON.parse(plain);
    const twice = namedTwice(plain);
    return twice ? ` (line ${twice.line}: ${JSON.stringify(twice.name.slice(0, 64))})` : '';
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
  if (issue.code === 'invalid_key' && issue.issues[0]) return `${at.join('.')}: ${issue.issues[0].message}`;
  // A reader's own sentence names the place already.
  if (issue.code === 'custom' && issue.params?.sentence === true) return issue.message;
  if (issue.code !== 'unrecognized_keys') return `${at.join('.') || 'the file'}: ${sayIssue(issue)}`;
  const known = membersAt(configSchema, at);
  return issue.keys
    .slice(0, 5)
    .map((key) => {
      const meant = nearest(key, known);
      const help = meant ? ` Did you mean "${meant}"?` : known.length > 0 ? ` Known are ${known.join(', ')}.` : '';
      return `${[...at, key].join('.')}: there is no such member.${help}`;
    })
    .join('\n  ');
}

/** How far a value is from one form of several; text where an object should be is farthest. */
const faults = (issues: readonly z.core.$ZodIssue[]): number =>
  issues.reduce((sum, issue) => {
    if (issue.code === 'unrecognized_keys') return sum + issue.keys.length;
    return sum + (issue.path.length === 0 ? 100 : 1);
  }, 0);

/** What a reader of one of its members says of the file. @throws CannotStart instead of a refusal. */
export function configured<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof Refusal ? new CannotStart(`The configuration file: ${error.message}`) : error;
  }
}
