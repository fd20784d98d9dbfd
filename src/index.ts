/**
 * The library: the pure rooms, which read no clock, no file and no network. It also exports the client, which
 * `aga-delegate/client` exports alone.
 */
export { type Artifact, isAuthentic, open, type Sealed, seal } from './artifact/artifact.ts';
export { type Derivation, derive, type EnrolmentStatement, type Presentation } from './artifact/derive.ts';
export { type Breach, breaches, type Held, rootBreaches } from './artifact/lineage.ts';
export { Audit, type AuditReport, type Finding, type Trust } from './authority/audit.ts';
export { canonicalize, type Json } from './base/canonical.ts';
export { fromDidKey, toDidKey } from './base/did-key.ts';
export { REFUSALS, Refusal, type RefusalBody } from './base/refusal.ts';
export { parseStrict } from './base/strict-json.ts';
export { openCheckpoint, parseVerifierKey, verifierKey } from './chain/checkpoint.ts';
export { type Entry, openEntry } from './chain/entry.ts';
export { verifyConsistency, verifyInclusion } from './chain/proof.ts';
export { Agent, type ConnectOptions, connect, DelegateError, Job, Lease } from './client/index.ts';
export { type Act, denials, excess, nearestAllowed, parsePermissions, parseScope, type Scope } from './scope/scope.ts';
export { type Report, verifyBundle } from './verify.ts';
