/** What a request for permissions means, where `permitted_tools` is short for `permissions["tool.call"]`. */
import { canonicalize } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import { type Permissions, parsePermissions } from '../scope/scope.ts';

export interface Requested {
  readonly permissions?: { readonly [capability: string]: readonly string[] } | undefined;
  readonly permitted_tools?: readonly string[] | undefined;
}

/** Both parameters as one, in normal form; null where neither is given. */
export function requestedPermissions({ permissions, permitted_tools }: Requested): Permissions | null {
  const tools = permitted_tools && parsePermissions({ 'tool.call': permitted_tools });
  if (permissions === undefined) return tools ?? null;
  const asked = parsePermissions(permissions);
  if (tools && asked['tool.call'] && canonicalize(tools['tool.call']) !== canonicalize(asked['tool.call'])) {
    throw new Refusal('INVALID_REQUEST', 'permitted_tools and permissions["tool.call"] differ; give one of them.');
  }
  return { ...asked, ...tools };
}

/** The same permissions without these capabilities. */
export function without(permissions: Permissions, ...capabilities: readonly string[]): Permissions {
  return Object.fromEntries(Object.entries(permissions).filter(([name]) => !capabilities.includes(name)));
}
