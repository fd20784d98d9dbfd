/** Delegating without the authority: a holder signs a child itself, and anyone who is shown the lineage can verify it. */
import type { Json } from '../base/canonical.ts';
import { fromDidKey, toDidKey } from '../base/did-key.ts';
import { formatInstant } from '../base/instant.ts';
import { Refusal } from '../base/refusal.ts';
import {
  intern,
  parseArgumentRules,
  parseLimits,
  parseMeasurements,
  parsePermissions,
  parseTriggers,
  type Scope,
} from '../scope/scope.ts';
import { type ArtifactSigner, type Binding, open, type Sealed, seal, toJson } from './artifact.ts';
import { isProven } from './enrolment.ts';
import { breaches, type Held, heldBy } from './lineage.ts';

/** A key bound to an artifact, as the chain has it. */
export interface EnrolmentStatement {
  readonly artifact_hash: string;
  readonly token_id: string;
  readonly holder: string;
  readonly proof: string;
}

/** What is handed on and presented: signed artifacts, root first, and the enrolments of their holders. */
export interface Presentation {
  readonly lineage: readonly Json[];
  readonly enrollments: readonly EnrolmentStatement[];
}

export interface Derivation {
  /** Name of the agent that the child is for. */
  readonly subject: string;
  /** did:key of that agent: only the holder of that key may use the child. */
  readonly holder: string;
  readonly purpose?: string;
  /** Exactly these. Omit for the parent's, without the right to delegate and without a budget. */
  readonly permissions?: { readonly [capability: string]: readonly string[] };
  /** Omit for the parent's. */
  readonly argumentRules?: unknown;
  readonly limits?: unknown;
  readonly enforcementTriggers?: readonly string[];
  readonly measurementTypes?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  /** Milliseconds since the epoch; clamped to the parent's. */
  readonly expiresAt: number;
  /** 16 fresh random bytes, base64url. */
  readonly nonce: string;
  readonly maxDepth?: number;
  readonly maxChildren?: number;
  readonly minBinding?: Binding;
}

/**
 * The presentation with a child more, signed by `key`, which must be the holder of its last artifact.
 *
 * @throws Refusal with the code that an authority would give: `LEASE_SUBSET_VIOLATION`, `DEPTH_EXCEEDED`,
 * `PERMISSION_DENIED`, `INVALID_REQUEST`.
 */
export function derive({ lineage, enrollments }: Presentation, key: ArtifactSigner, child: Derivation): Presentation {
  const line = lineage.map((artifact) => open(artifact));
  const last = line.at(-1)?.artifact;
  const parent = holdersOf(line, enrollments);
  if (!parent || !last) throw new Refusal('INVALID_REQUEST', 'A lineage has at least one artifact, its root.');
  if (parent.holder !== toDidKey(key.publicKey)) {
    throw new Refusal('PERMISSION_DENIED', 'The key is not that of the holder of the last artifact of the lineage.');
  }
  if (!fromDidKey(child.holder)) throw new Refusal('INVALID_REQUEST', 'holder must be the did:key of an Ed25519 key.');
  const scope = scopeOf(child, parent.scope);
  const mayGoOn = (scope.permissions['agent.delegate'] ?? []).length > 0;
  const sealed = seal(
    {
      authority: last.authority,
      parent: parent.hash,
      depth: parent.depth + 1,
      holder: child.holder,
      subject: child.subject,
      purpose: child.purpose ?? 'Sub-agent delegation',
      nonce: child.nonce,
      issued_at: formatInstant(child.issuedAt),
      expires_at: formatInstant(Math.min(child.expiresAt, parent.expires)),
      scope,
      terms: { preset: null, min_binding: child.minBinding ?? parent.minBinding, budget_mode: null },
      delegation: {
        max_depth: child.maxDepth ?? (mayGoOn ? Math.max(0, parent.maxDepth - 1) : 0),
        max_children: child.maxChildren ?? 32,
      },
    },
    key,
  );
  open(toJson(sealed)); // what is signed is what can be read again
  const [broken] = breaches(sealed, parent, last.authority);
  if (broken) throw new Refusal(broken.code, broken.message, broken);
  return { lineage: [...lineage, toJson(sealed)], enrollments };
}

function scopeOf(child: Derivation, parent: Scope): Scope {
  const { 'agent.delegate': _, 'cost.budget': __, ...inherited } = parent.permissions;
  const { argumentRules: rules, enforcementTriggers: triggers, measurementTypes: measurements } = child;
  return intern({
    permissions: child.permissions ? parsePermissions(child.permissions) : inherited,
    argument_rules: rules === undefined ? parent.argument_rules : parseArgumentRules(rules),
    limits: parseLimits(child.limits ?? {}),
    enforcement_triggers: triggers ? parseTriggers(triggers) : parent.enforcement_triggers,
    measurement_types: measurements ? parseMeasurements(measurements) : parent.measurement_types,
  });
}

/** The last artifact of a lineage with its ancestors and their holders; null for an empty lineage. */
function holdersOf(line: readonly Sealed[], enrollments: readonly EnrolmentStatement[]): Held | null {
  const enrolled = new Map(
    enrollments
      .filter(({ token_id, holder, proof }) => isProven(token_id, holder, proof))
      .map(({ artifact_hash, holder }) => [artifact_hash, holder]),
  );
  return line.reduce<Held | null>(
    (parent, sealed) => heldBy(sealed, parent, sealed.artifact.holder ?? enrolled.get(sealed.hash) ?? null),
    null,
  );
}
