/** Scopes for tests, from the part that the test is about. */
import { parsePermissions, type Scope } from '../../src/scope/scope.ts';

export function scopeOf(
  permissions: { readonly [capability: string]: readonly string[] },
  more: Partial<Scope> = {},
): Scope {
  return {
    permissions: parsePermissions(permissions),
    argument_rules: [],
    limits: {},
    enforcement_triggers: [],
    measurement_types: [],
    ...more,
  };
}
