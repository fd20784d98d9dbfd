/**
 * Judging where paths really lead.
 *
 * A call of a local upstream is judged twice: as it is written, and with the symbolic links followed, of the request and
 * of what was granted alike. Otherwise `/ws/link/passwd` is below `/ws`, and where `/ws` itself is a link nothing is. So
 * each scope of the lineage gets a *twin*: the same scope with its folders in resolved form. What is permitted is what
 * every scope permits of the written acts, and every twin of the resolved ones.
 *
 * A pattern is resolved in front of its first star; behind it, names are compared with where the request really leads. A
 * folder that cannot be followed, or not in time, or that no pattern can name, grants nothing.
 */
import { Refusal } from '../../base/refusal.ts';
import { capabilityOf } from '../../scope/capability.ts';
import type { Rule } from '../../scope/kind.ts';
import { type Act, type ArgumentRule, denials, type Permissions, type Scope } from '../../scope/scope.ts';
import { type Follow as Following, followPath } from './following.ts';
import { MAX_TOUCHED } from './maps.ts';
import { replaceTexts, textsAt } from './pointer.ts';
import { itemRule, placesOf, rulesFor } from './rule-places.ts';

export interface Resolved {
  /** The call itself first, as in the acts that were written. */
  readonly acts: readonly Act[];
  /** Scope of the lineage → what it permits of resolved acts. */
  readonly twins: ReadonlyMap<Scope, Scope>;
}

type Follow = (path: string) => string | undefined;

const FILES = /^fs\./;

/**
 * The second reading of a call; `undefined` where it would be the first again, or where a scope refuses the first.
 *
 * @throws Refusal `PERMISSION_DENIED` for a path that cannot be followed, `UPSTREAM_FAILED` for one that cannot in time,
 * `INVALID_REQUEST` for too many.
 */
export async function resolvedActs(
  acts: readonly [Act, ...Act[]],
  scopes: readonly Scope[],
  followTo: Following = followPath,
): Promise<Resolved | undefined> {
  const [call] = acts;
  const files = acts.filter(({ capability }) => FILES.test(capability));
  const unders = scopes.flatMap((scope) => placesOf(scope, call.resource, 'under'));
  if (files.length === 0 && unders.length === 0) return undefined;
  if (scopes.some((scope) => acts.some((act) => denials(scope, act).length > 0))) return undefined;
  const judged = unders.flatMap((place) => {
    const found = textsAt(call.arguments, place);
    return 'texts' in found ? found.texts : [];
  });
  const requested = [...new Set([...judged, ...files.map(({ resource }) => resource)])];
  if (requested.length > MAX_TOUCHED)
    throw new Refusal(
      'INVALID_REQUEST',
      `The call names ${requested.length} paths; where each leads is asked for at most ${MAX_TOUCHED}.`,
    );
  const capabilities = [...new Set(files.map(({ capability }) => capability))];
  const granted = scopes.flatMap((scope) => folders(scope, call.resource, capabilities));
  const orNothing: Following = (path) => followTo(path).catch(() => undefined);
  const [ground, asked] = await Promise.all([followAll(granted, orNothing), followAll(requested, followTo)]);
  const known = new Map([...ground, ...asked]);
  const follow: Follow = (path) => known.get(path);
  const lost = requested.find((path) => follow(path) === undefined);
  if (lost !== undefined)
    throw new Refusal(
      'PERMISSION_DENIED',
      `The path ${JSON.stringify(lost.slice(0, 128))} cannot be followed to its end.`,
    );
  if ([...known].every(([path, to]) => path === to)) return undefined;
  const args = unders.reduce(
    (all, place) => all && replaceTexts(all, place, (text) => follow(text) ?? text),
    call.arguments,
  );
  return {
    acts: acts.map((act) => {
      if (act === call) return { ...call, ...(args && { arguments: args }) };
      return FILES.test(act.capability) ? { ...act, resource: follow(act.resource) ?? act.resource } : act;
    }),
    twins: new Map(scopes.map((scope) => [scope, twinOf(scope, call.resource, capabilities, follow)])),
  };
}

async function followAll(
  paths: readonly string[],
  follow: Following,
): Promise<ReadonlyMap<string, string | undefined>> {
  const distinct = [...new Set(paths)];
  const resolved = await Promise.all(distinct.map((path) => (path.startsWith('/') ? follow(path) : path)));
  return new Map(distinct.map((path, i) => [path, resolved[i]]));
}

/** What of a scope must be followed: the literal beginnings of its path patterns, and the folders of its rules. */
function folders(scope: Scope, tool: string, capabilities: readonly string[]): readonly string[] {
  const patterns = capabilities.flatMap((capability) => scope.permissions[capability] ?? []);
  const rules = rulesFor(scope, tool).flatMap(({ arguments: members }) => Object.values(members));
  return [...patterns.map((pattern) => parts(pattern).folder), ...rules.flatMap(foldersOf)];
}

function foldersOf(rule: Rule): readonly string[] {
  const items = itemRule(rule);
  return [...(typeof rule.under === 'string' ? [rule.under] : []), ...(items ? foldersOf(items) : [])];
}

/** `/ws/a*` is the folder `/ws` and `/a*` in it; a pattern without stars is all folder. */
function parts(pattern: string): { readonly folder: string; readonly rest: string } {
  const star = pattern.indexOf('*');
  const end = star < 0 ? pattern.length : pattern.lastIndexOf('/', star);
  return { folder: pattern.slice(0, end) || '/', rest: pattern.slice(end) };
}

function twinOf(scope: Scope, tool: string, capabilities: readonly string[], follow: Follow): Scope {
  const before = folders(scope, tool, capabilities);
  const after = before.map(follow);
  const rules = rulesFor(scope, tool);
  if (rules.length === 0 && before.every((folder, i) => folder === after[i])) return scope;
  const key = JSON.stringify([tool, capabilities, after]);
  const remembered = twins.get(scope);
  const known = remembered?.get(key);
  if (known) return known;
  const permissions = capabilities.map((name) => [name, twinPatterns(scope.permissions, name, follow)] as const);
  const twin: Scope = {
    ...scope,
    permissions: { ...scope.permissions, ...Object.fromEntries(permissions) },
    argument_rules: rules.map((rule) => twinRule(rule, follow)),
  };
  // Few ways to resolve a scope are alive at a time.
  if (remembered && remembered.size < MAX_TWINS) remembered.set(key, twin);
  else twins.set(scope, new Map([[key, twin]]));
  return twin;
}

/** A twin keeps the compiled matchers of its patterns, so it is worth keeping. */
const twins = new WeakMap<Scope, Map<string, Scope>>();
const MAX_TWINS = 64;

function twinPatterns(permissions: Permissions, capability: string, follow: Follow): readonly string[] {
  return (permissions[capability] ?? []).flatMap((pattern) => {
    const { folder, rest } = parts(pattern);
    const to = follow(folder);
    // A star in the name of a real folder would be read as one of a pattern.
    if (to === undefined || to.includes('*')) return [];
    return isPattern(capability, joined(to, rest)) ? [joined(to, rest)] : [];
  });
}

const joined = (folder: string, rest: string): string => (folder === '/' ? rest || '/' : folder + rest);

function isPattern(capability: string, text: string): boolean {
  try {
    capabilityOf(capability)?.language.parse([text], capability);
    return true;
  } catch {
    return false;
  }
}

/** Only where a path leads is asked again: what else the rules say has been judged as it was written. */
function twinRule({ tool, arguments: members }: ArgumentRule, follow: Follow): ArgumentRule {
  const twin = Object.entries(members).map(([location, rule]) => [location, onlyUnder(rule, follow)]);
  return { tool, arguments: Object.fromEntries(twin) };
}

function onlyUnder(rule: Rule, follow: Follow): Rule {
  const items = itemRule(rule);
  const folder = typeof rule.under === 'string' ? follow(rule.under) : undefined;
  if (
    typeof rule.under === 'string' &&
    (folder === undefined || !isPattern('fs.read', folder) || folder.includes('*'))
  ) {
    throw new Refusal(
      'PERMISSION_DENIED',
      `The folder ${JSON.stringify(rule.under)} of an argument rule cannot be followed.`,
    );
  }
  return {
    ...(folder !== undefined && { under: folder }),
    ...(items && { each: onlyUnder(items, follow) }),
    ...(folder === undefined && !items && { any: true }),
    ...(rule.optional === true && { optional: true }),
  };
}
