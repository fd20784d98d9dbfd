/** What an authority answers: the shapes of its `openapi.json` that this library shows. */
import type { Json } from '../base/canonical.ts';

export type Document = { readonly [member: string]: Json };
export type Permissions = { readonly [capability: string]: readonly string[] };

export interface ParentRef {
  readonly name: string;
  readonly namespace: string;
}

export interface Enrolled {
  readonly sessionToken: string;
  readonly sessionExpiresAt: string;
  readonly agentId: string;
  readonly agentName: string;
  /** The signed artifact. */
  readonly artifact: Document;
  /** Root first. */
  readonly lineage: readonly Document[];
  readonly enrollments: readonly Document[];
  readonly policyPreset: string | null;
  readonly parentRef: ParentRef;
  readonly expiresAt: string;
}

export interface DelegateRequest {
  /** A DNS label. */
  readonly subAgentName: string;
  /** A Go duration, such as `30m`; 15 minutes when absent. */
  readonly ttl?: string;
  /** `sandboxed` when absent. */
  readonly policyPreset?: string;
  readonly permissions?: Permissions;
  readonly maxDepth?: number;
  readonly maxChildren?: number;
  readonly minBinding?: 'handle' | 'bearer' | 'hook' | 'process' | 'proof';
  readonly purpose?: string;
  /** A repeat is answered with the first answer. */
  readonly requestId?: string;
}

export interface Delegated {
  readonly enrollmentToken: string;
  readonly expiresAt: string;
  readonly parentRef: ParentRef;
  readonly agentId: string;
  readonly agentName: string;
  readonly artifactHash: string;
  readonly policyPreset: string;
  readonly permissions: Permissions;
  readonly ttlClamped: boolean;
}

export interface Act {
  /** Whose: this agent's own, or one below it. */
  readonly artifact_hash?: string;
  readonly capability: string;
  readonly resource: string;
  readonly arguments?: Document;
}

export interface Verdict {
  readonly allowed: boolean;
  readonly code: string | null;
  readonly reason: string;
  readonly refused_by: { readonly artifact_hash: string; readonly subject: string; readonly depth: number } | null;
  readonly nearest_allowed: readonly string[] | null;
}

export interface AgentIdentity {
  readonly apiVersion: string;
  readonly kind: 'AgentIdentity';
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly spec: { readonly parentRef: ParentRef | null; readonly ttl: string; readonly policyPreset: string | null };
  readonly status: {
    readonly phase: 'Pending' | 'Active' | 'Expired' | 'Revoked';
    readonly expiresAt: string;
    readonly artifactHash: string;
    readonly holder: string | null;
  };
}

export interface Revoked {
  readonly revoked: readonly string[];
  readonly revoked_count: number;
  readonly already_revoked: boolean;
}
