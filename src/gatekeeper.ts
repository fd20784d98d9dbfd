/** Answers what the gateway asks of the law: one service, its verdicts, its duties, and the end of its artifacts. */
import { find, refuseHalted } from './authority/find.ts';
import { lineage } from './authority/grant.ts';
import { Refusal } from './base/refusal.ts';
import { artifactOf, type Decider, type Standing } from './edge/gateway/decider.ts';
import type { Enforcement } from './enforcement.ts';
import type { Mode, Service } from './service.ts';
import type { Watch } from './watch.ts';

export function gatekeeper(service: Service, enforcement: Enforcement, watch: Watch, mode: Mode): Decider {
  return {
    standing: (caller) =>
      service.askAnyone<Standing>({
        name: 'standing',
        caller,
        writes: false,
        decide({ state, now }) {
          const hash = artifactOf(caller);
          if (hash === null) throw new Refusal('NO_ARTIFACT', 'No artifact loaded. Call aga_create_artifact first.');
          const grant = find(state, hash);
          refuseHalted(grant, now);
          return { answer: { artifact: hash, scopes: lineage(grant).map(({ scope }) => scope) } };
        },
      }),
    async decide({ caller, tool, acts, resolved, argumentsDigest, requestId, barred }) {
      const question = { tool, acts, second: resolved, argumentsDigest, requestId, barred };
      const { code, message, by, grant } = await service.decide(caller, question, mode);
      if (code === null && grant) return { artifact: grant.hash };
      if (grant && mode === 'shadow' && !TOTAL.has(code ?? '')) return { artifact: grant.hash };
      if (grant) void enforcement.refused(grant.hash).catch(() => undefined);
      const refused_by = by && { artifact_hash: by.hash, subject: by.subject, depth: by.depth };
      return new Refusal(code ?? 'INTERNAL', message, { detail: { refused_by } });
    },
    onEnded: (artifact, ended) => watch.onEnded(artifact, ended),
  };
}

/** What shadow mode does not let through either: there is no authority at all. */
const TOTAL: ReadonlySet<string> = new Set(['NO_ARTIFACT', 'ARTIFACT_REVOKED', 'LEASE_EXPIRED', 'SUSPENDED']);
