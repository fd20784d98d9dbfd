/**
 * The lineage rules (docs/format.md): what must hold between an artifact and the one it was derived from.
 *
 * One function asks them when a child is issued, when a presented lineage is used, and when a stranger audits.
 */
import { formatInstant, parseInstant } from '../base/instant.ts';
import type { Code } from '../base/refusal.ts';
import { isContained } from '../scope/pair.ts';
import { denials, type Excess, excess, nearestAllowed, type Permissions, type Scope } from '../scope/scope.ts';
import { type Artifact, BINDINGS, type Binding, isAuthentic, type Sealed } from './artifact.ts';

/** A parent as the rules see it: a grant of the living state, or an artifact opened by an auditor. */
export interface Held {
  readonly hash: string;
  readonly parent: Held | null;
  readonly depth: number;
  /** Milliseconds since the epoch. */
  readonly expires: number;
  readonly maxDepth: number;
  readonly minBinding: Binding;
  readonly scope: Scope;
  /** did:key named at issue or bound by an enrolment. */
  readonly holder: string | null;
}

/** An artifact as a parent, under the parent it names and the holder that is known. */
export function heldBy({ artifact, hash }: Sealed, parent: Held | null, holder: string | null): Held {
  return {
    hash,
    parent,
    depth: artifact.depth,
    expires: parseInstant(artifact.expires_at)!,
    maxDepth: artifact.delegation.max_depth,
    minBinding: artifact.terms.min_binding,
    scope: artifact.scope,
    holder,
  };
}

/** One broken rule. */
export interface Breach {
  readonly code: Code;
  readonly rule: string;
  readonly message: string;
  readonly detail?: unknown;
  /** Where the code's own says something else. */
  readonly hint?: string;
}

/** Scopes of a parent and its ancestors, nearest first: what a child's scope is held against. */
export function scopesAbove(parent: Held): [Scope, ...Scope[]] {
  const scopes: [Scope, ...Scope[]] = [parent.scope];
  for (let at = parent.parent; at; at = at.parent) scopes.push(at.scope);
  return scopes;
}

const NO_RIGHT =
  'Delegate from another artifact, or have this one derived again with agent.delegate or with policy_preset "coordinator".';
const OTHER_NAME = 'Use a name that these patterns cover: "name" covers no version, "name@*" covers every one.';

/** The right to delegate to `subject`, asked before anything else about a child. */
export function mayDelegate(parent: Held, subject: string): Breach | null {
  const [no] = denials(parent.scope, { capability: 'agent.delegate', resource: subject });
  if (no) {
    const patterns = parent.scope.permissions['agent.delegate'] ?? [];
    const message =
      no.code === 'INVALID_REQUEST'
        ? no.message
        : `The parent artifact may not delegate to "${subject}": its agent.delegate holds ${JSON.stringify(patterns)}.`;
    const hint = patterns.length === 0 ? NO_RIGHT : OTHER_NAME;
    const detail = { agent_delegate: patterns };
    return { code: no.code, rule: 'agent.delegate', message, detail, ...(no.code === 'PERMISSION_DENIED' && { hint }) };
  }
  if (parent.maxDepth === 0) {
    return {
      code: 'DEPTH_EXCEEDED',
      rule: 'max_depth',
      message: 'The parent artifact has max_depth 0: it is the last of its lineage.',
    };
  }
  return null;
}

/** Whose scope would be wider than what, and whose patterns are shown beside the excess. */
export interface Wording {
  readonly opening: string;
  readonly has: string;
}

const PARENT: Wording = { opening: 'The child would hold more than its parent', has: 'the parent has' };

/**
 * What a scope has in excess of the one it must stay within, and the nearest that would pass; null: contained.
 *
 * `nearest`: says the latter with the members of a request, where the scope was asked for by one.
 */
export function overBreach(
  scope: Scope,
  within: Scope,
  above: readonly Scope[],
  nearest = (permissions: Permissions): object => ({ permissions }),
  { opening, has }: Wording = PARENT,
): Breach | null {
  if (isContained(scope, within)) return null;
  const over = excess(scope, within, ...above);
  if (over.length === 0) return null;
  const named = over
    .slice(0, 5)
    .map(({ capability, pattern, parent }) => `${capability} "${pattern}" (${has} ${sayHeld(parent)})`)
    .join('; ');
  return {
    code: 'LEASE_SUBSET_VIOLATION',
    rule: 'scope',
    message: `${opening}: ${named}${over.length > 5 ? `; and ${over.length - 5} more` : ''}.`,
    detail: {
      excess: shortened(over.slice(0, 64)),
      nearest_allowed: nearest(nearestAllowed(scope.permissions, within, ...above)),
    },
  };
}

/** Patterns of the parent that are shown beside all that is in excess: the whole list for a few, its beginning for many. */
const SHOWN = 256;

function shortened(over: readonly Excess[]): readonly Excess[] {
  const each = Math.floor(SHOWN / over.length);
  return over.map((excess) => ({ ...excess, parent: excess.parent.slice(0, each) }));
}

/** What a child's terms have in excess of its parent's. Empty: contained. */
function widening(child: Pick<Artifact, 'scope' | 'delegation' | 'terms' | 'expires_at'>, parent: Held): Breach[] {
  const breaches = deeper(child.delegation.max_depth, parent);
  const [nearest, ...above] = scopesAbove(parent);
  const over = overBreach(child.scope, nearest, above);
  if (over) breaches.push(over);
  breaches.push(...weaker(child.terms.min_binding, parent));
  if (parseInstant(child.expires_at)! > parent.expires) {
    breaches.push({
      code: 'LEASE_SUBSET_VIOLATION',
      rule: 'expires_at',
      message: 'The child would outlive its parent.',
      detail: excessOf('expires_at', child.expires_at, formatInstant(parent.expires)),
    });
  }
  return breaches;
}

/** Whether a child's depth is below its parent's. */
export function deeper(max_depth: number, parent: Held): Breach[] {
  if (max_depth < parent.maxDepth) return [];
  const most = parent.maxDepth - 1;
  return [
    {
      code: 'DEPTH_EXCEEDED',
      rule: 'max_depth',
      message: `max_depth ${max_depth} is not below the parent's ${parent.maxDepth}; at most ${most} is allowed.`,
      detail: { max_depth: most },
      hint: 'Ask for a smaller max_depth, or omit it.',
    },
  ];
}

/** Whether a child may be used by callers who are known less well than its parent's. */
export function weaker(binding: Binding, { minBinding }: Held): Breach[] {
  if (BINDINGS.indexOf(binding) >= BINDINGS.indexOf(minBinding)) return [];
  return [
    {
      code: 'LEASE_SUBSET_VIOLATION',
      rule: 'min_binding',
      message: `min_binding "${binding}" is weaker than the parent's "${minBinding}".`,
      detail: excessOf('min_binding', binding, minBinding),
    },
  ];
}

/** All that is wrong with `child` as a child of `parent`. Empty: the link holds. */
export function breaches(child: Sealed, parent: Held, authority: string): Breach[] {
  const { artifact } = child;
  const forged = (rule: string, message: string): Breach => ({ code: 'INVALID_REQUEST', rule, message });
  const found: Breach[] = [];
  if (artifact.authority !== authority) found.push(forged('authority', 'The artifact names another authority.'));
  if (artifact.parent !== parent.hash) found.push(forged('parent', 'The artifact names another parent.'));
  if (artifact.depth !== parent.depth + 1) found.push(forged('depth', 'depth is not one more than the parent has.'));
  if (artifact.issuer !== authority && artifact.issuer !== parent.holder) {
    found.push(forged('issuer', "The issuer is neither the authority nor the parent's holder."));
  }
  if (!isAuthentic(child)) found.push(forged('signature', "The signature is not the issuer's over these bytes."));
  const right = mayDelegate(parent, artifact.subject);
  if (right) found.push(right);
  return [...found, ...lifetime(artifact), ...widening(artifact, parent)];
}

/** All that is wrong with `root` as the first of a lineage. */
export function rootBreaches(root: Sealed, authority: string): Breach[] {
  const { artifact } = root;
  const forged = (rule: string, message: string): Breach => ({ code: 'INVALID_REQUEST', rule, message });
  const found: Breach[] = [];
  if (artifact.authority !== authority || artifact.issuer !== authority) {
    found.push(forged('issuer', 'A root is issued by its authority and by nobody else.'));
  }
  if (artifact.parent !== null || artifact.depth !== 0)
    found.push(forged('parent', 'A root has no parent and depth 0.'));
  if (!isAuthentic(root)) found.push(forged('signature', "The signature is not the authority's over these bytes."));
  return [...found, ...lifetime(artifact)];
}

function lifetime(artifact: Artifact): Breach[] {
  if (parseInstant(artifact.issued_at)! < parseInstant(artifact.expires_at)!) return [];
  return [{ code: 'INVALID_REQUEST', rule: 'expires_at', message: 'The artifact expires before it is issued.' }];
}

/** A term that is wider than the parent's, in the form in which a scope is refused. */
const excessOf = (term: string, asked: string, held: string) => ({
  excess: [{ capability: term, pattern: asked, parent: [held] }],
  nearest_allowed: { [term]: held },
});

const sayHeld = (patterns: readonly string[]): string =>
  patterns.length === 0 ? 'nothing there' : patterns.slice(0, 8).join(', ');
