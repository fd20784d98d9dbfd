/** A law for tests: artifacts by name, each a scope under its parent's, judged as the contract has it and written down. */
import { Refusal } from '../../../src/base/refusal.ts';
import type { Caller } from '../../../src/caller.ts';
import { artifactOf, type Decider, type UpstreamAct } from '../../../src/edge/gateway/decider.ts';
import { denials, intern, parseScope, type Scope } from '../../../src/scope/scope.ts';

export interface Entry {
  readonly artifact: string | null;
  readonly code: string | null;
  readonly tool: string | null;
  readonly capability: string;
  readonly argumentsDigest: string;
  readonly requestId: string | number | null;
}

interface Grant {
  readonly scopes: readonly Scope[];
  ended?: Refusal;
}

export interface Law extends Decider {
  readonly entries: Entry[];
  /** Lets pass whatever is not over, as shadow mode does. */
  isShadow: boolean;
  /** Whether what is decided stands on the chain; waited for before each verdict. */
  durable: () => Promise<void>;
  grant(name: string, scope: Partial<Scope>, parent?: string): void;
  revoke(name: string): void;
}

export const scopeOf = (given: Partial<Scope>): Scope =>
  intern(
    parseScope({
      permissions: {},
      argument_rules: [],
      limits: {},
      enforcement_triggers: [],
      measurement_types: [],
      ...given,
    }),
  );

export function law(): Law {
  const grants = new Map<string, Grant>();
  const waiting = new Map<string, Set<(refusal: Refusal) => void>>();

  function judge({ caller, acts, resolved, barred }: UpstreamAct): Refusal | undefined {
    const grant = grants.get(artifactOf(caller) ?? '');
    if (!grant) return new Refusal('NO_ARTIFACT', 'No artifact loaded.');
    if (grant.ended) return grant.ended;
    const [first, ...touched] = acts;
    const refuses = (scope: Scope, act: UpstreamAct['acts'][0]): Refusal | undefined => {
      const [no] = denials(scope, act);
      return no && new Refusal(no.code, no.message);
    };
    for (const scope of grant.scopes) {
      const no = refuses(scope, first);
      if (no) return no;
    }
    if (barred) return barred;
    for (const scope of grant.scopes) {
      const twin = resolved?.twins.get(scope);
      const no =
        touched.map((act) => refuses(scope, act)).find(Boolean) ??
        (resolved && !twin ? new Refusal('INTERNAL', 'no twin') : undefined) ??
        resolved?.acts.map((act) => refuses(twin!, act)).find(Boolean);
      if (no) return no;
    }
    return undefined;
  }

  return {
    entries: [],
    isShadow: false,
    durable: async () => {},
    grant(name, scope, parent) {
      grants.set(name, { scopes: [...(parent ? grants.get(parent)!.scopes : []), scopeOf(scope)] });
    },
    revoke(name) {
      const ended = new Refusal('ARTIFACT_REVOKED', 'The artifact was revoked.');
      const grant = grants.get(name);
      if (grant) grant.ended = ended;
      for (const tell of waiting.get(name) ?? []) tell(ended);
    },
    async standing(caller: Caller) {
      const artifact = artifactOf(caller) ?? '';
      const grant = grants.get(artifact);
      if (!grant) throw new Refusal('NO_ARTIFACT', 'No artifact loaded.');
      if (grant.ended) throw grant.ended;
      return { artifact, scopes: grant.scopes, isShadow: this.isShadow };
    },
    async decide(act) {
      const { caller, tool, acts, argumentsDigest, requestId } = act;
      const artifact = artifactOf(caller);
      const refusal = judge(act);
      await this.durable();
      const [{ capability }] = acts;
      this.entries.push({ artifact, code: refusal?.code ?? null, tool, capability, argumentsDigest, requestId });
      const passes = this.isShadow && refusal && refusal !== grants.get(artifact ?? '')?.ended && artifact !== null;
      return passes ? { artifact } : (refusal ?? { artifact: artifact! });
    },
    onEnded(artifact, ended) {
      const tells = waiting.get(artifact) ?? new Set();
      waiting.set(artifact, tells.add(ended));
      const { ended: before } = grants.get(artifact) ?? {};
      if (before) queueMicrotask(() => tells.has(ended) && ended(before));
      return () => tells.delete(ended);
    },
  };
}
