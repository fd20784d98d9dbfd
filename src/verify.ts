/** The offline verifier: no store, no edges, no clock, and nothing of Node. Evidence in, verdicts out. */
export { cosignedAt, parseWitnessKey } from './chain/cosignature.ts';
export { type Demand, judgeFreshness } from './evidence/freshness.ts';
export { openEnvelope } from './evidence/in-toto.ts';
export { openTlogConsistency, openTlogProof } from './evidence/tlog.ts';
export { type Finding, type Question, type Report, type Trust, type Verdict, verifyBundle } from './evidence/verify.ts';
