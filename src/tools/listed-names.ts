/**
 * A tool is listed as `server__tool`, since hosts take no slash, and meant by `server/tool`. A pattern of the listed
 * name would permit nothing, and a rule for it bind nothing, without a word: so it is refused where a server has that name.
 */
import { Refusal } from '../base/refusal.ts';
import type { RequestedScope } from './requested-scope.ts';
import type { Behind } from './tool.ts';

type Names = Pick<RequestedScope, 'permitted_tools' | 'permissions' | 'argument_rules'>;

/** Throws `INVALID_REQUEST`. */
export function refuseListedNames(
  { permitted_tools = [], permissions = {}, argument_rules: rules }: Names,
  behind: Behind | undefined,
): void {
  for (const name of [...permitted_tools, ...(permissions['tool.call'] ?? []), ...toolsOf(rules)])
    refuseListedName(name, behind);
}

/** Throws `INVALID_REQUEST`. */
export function refuseListedName(name: string, behind: Behind | undefined): void {
  const at = name.indexOf('__');
  if (at < 0 || name.includes('/') || !behind?.servers.has(name.slice(0, at))) return;
  const meant = `${name.slice(0, at)}/${name.slice(at + 2)}`;
  throw new Refusal(
    'INVALID_REQUEST',
    `${JSON.stringify(name)} is how the tool is listed; here it is called ${JSON.stringify(meant)}.`,
    { hint: 'Write "server/tool" in permissions and rules; server__tool is the name to call it by.' },
  );
}

/** Rules that are malformed are refused where they are parsed. */
const toolsOf = (rules: unknown): readonly string[] =>
  (Array.isArray(rules) ? rules : []).flatMap((rule) => (typeof rule?.tool === 'string' ? [rule.tool] : []));
