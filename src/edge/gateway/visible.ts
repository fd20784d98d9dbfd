/** Which of an upstream's things a lineage could permit: what is listed. The verdict on a call is not made here. */
import { capabilityOf } from '../../scope/capability.ts';
import type { Scope } from '../../scope/scope.ts';
import type { Standing } from './decider.ts';
import type { Server } from './gateway.ts';
import { resourceOf } from './naming.ts';

/** Whether every scope names it; argument rules and limits are asked at the call. */
export function isNamed(scopes: readonly Scope[], capability: string, resource: string): boolean {
  const language = capabilityOf(capability)?.language;
  return (
    language !== undefined &&
    scopes.every(({ permissions }) => language.refuses(permissions[capability] ?? [], resource) === undefined)
  );
}

/** Whether it is listed: what every scope names, and in shadow mode whatever there is. */
export const isListed = ({ scopes, isShadow }: Standing, capability: string, resource: string): boolean =>
  isShadow || isNamed(scopes, capability, resource);

/** A tool that touches what some scope grants nothing of can never be called, nor one that a binding map does not name. */
export function isVisible(under: Standing, { name, map }: Server, tool: string): boolean {
  const { scopes, isShadow } = under;
  if (!isListed(under, 'tool.call', resourceOf(name, tool))) return false;
  if (!map || isShadow) return true;
  const needed = map.get(tool)?.flatMap(({ how }) => how);
  return needed?.every((capability) => grantsAny(scopes, capability)) ?? false;
}

/** Whether something of this server could be permitted at all; what can not is not started for a list. */
export function mayServe({ scopes, isShadow }: Standing, capability: string, server: string): boolean {
  const mayBe = ({ permissions }: Scope) =>
    (permissions[capability] ?? []).some((pattern) => mayBegin(pattern, server));
  return isShadow || scopes.every(mayBe);
}

const grantsAny = (scopes: readonly Scope[], capability: string): boolean =>
  scopes.every(({ permissions }) => (permissions[capability] ?? []).length > 0);

/** Whether the first segment of a name pattern may be `server`: literal text before its first star decides. */
function mayBegin(pattern: string, server: string): boolean {
  const [first = ''] = pattern.split('/');
  const star = first.indexOf('*');
  return star < 0 ? first === server : server.startsWith(first.slice(0, star));
}
