/** An enrolled agent: every request is signed with its key, and a session that runs out is renewed with it. */
import type { Json } from '../base/canonical.ts';
import { DelegateError } from './error.ts';
import { Job, type JobStatus } from './job.ts';
import type { AgentKey } from './key.ts';
import type { Lease, LeaseTerms } from './lease.ts';
import type {
  Act,
  AgentIdentity,
  Delegated,
  DelegateRequest,
  Document,
  Enrolled,
  ParentRef,
  Revoked,
  Verdict,
} from './shapes.ts';
import type { CallOptions, More, Wire } from './wire.ts';

export interface AgentOptions {
  readonly wire: Wire;
  readonly key: AgentKey;
  readonly enrolled: Enrolled;
  /** Redeems the token again with the same key: another session for the same agent. */
  renew(): Promise<Enrolled>;
}

export interface DispatchOptions extends CallOptions {
  /** A repeat finds the same job. */
  readonly requestId?: string;
  /** Why, for the audit chain. */
  readonly purpose?: string;
}

/** Milliseconds before its end at which a session is renewed. */
const EARLY = 30_000;

export class Agent {
  readonly agentId: string;
  readonly agentName: string;
  readonly policyPreset: string | null;
  readonly parentRef: ParentRef;
  /** UTC; what ends the artifact ends the agent. */
  readonly expiresAt: string;
  readonly artifact: Document;
  /** Root first; with `enrollments` and the key what offline delegation needs. */
  readonly lineage: readonly Document[];
  readonly enrollments: readonly Document[];
  readonly key: AgentKey;
  readonly #wire: Wire;
  readonly #renew: () => Promise<Enrolled>;
  #session: Enrolled;
  #renewing: Promise<Enrolled> | undefined;

  constructor({ wire, key, enrolled, renew }: AgentOptions) {
    this.agentId = enrolled.agentId;
    this.agentName = enrolled.agentName;
    this.policyPreset = enrolled.policyPreset;
    this.parentRef = enrolled.parentRef;
    this.expiresAt = enrolled.expiresAt;
    this.artifact = enrolled.artifact;
    this.lineage = enrolled.lineage;
    this.enrollments = enrolled.enrollments;
    this.key = key;
    this.#wire = wire;
    this.#renew = renew;
    this.#session = enrolled;
  }

  /** Mints an enrolment token for a sub-agent, which permits no more than this agent and ends with it. */
  delegate(request: DelegateRequest, options?: CallOptions): Promise<Delegated>;
  /** Gives work to an agent that the authority starts; without a lease it gets what this agent has, but for the right to delegate. */
  delegate(agent: string, input: Json, lease?: Lease | LeaseTerms, options?: DispatchOptions): Promise<Job>;
  async delegate(
    to: DelegateRequest | string,
    given?: Json | CallOptions,
    lease?: Lease | LeaseTerms,
    { requestId, purpose, ...options }: DispatchOptions = {},
  ): Promise<Delegated | Job> {
    // The signatures above say which of the two is given.
    if (typeof to !== 'string') {
      const path = `/api/v1/agents/${this.agentId}/delegate`;
      return (await this.send('POST', path, to, given as CallOptions | undefined)) as Delegated;
    }
    const asked = {
      agent: to,
      input: (given ?? null) as Json,
      // A lease that is not understood would be none, and none is the widest.
      ...(lease && 'terms' in lease ? lease.terms : lease),
      ...(requestId !== undefined && { request_id: requestId }),
      ...(purpose !== undefined && { purpose }),
    };
    return this.#jobOf('aga_dispatch_job', asked, options);
  }

  /** A job that was dispatched before, here or elsewhere, by this agent or one below it. */
  job(id: string, options?: CallOptions): Promise<Job> {
    return this.#jobOf('aga_get_job', { job_id: id }, options);
  }

  /** Whether this agent, or one below it, may do this now; the verdict stands on the chain. */
  async authorize(act: Act, options?: CallOptions): Promise<Verdict> {
    return (await this.send('POST', '/api/v1/authorize', act, options)) as Verdict;
  }

  /** This agent, or one below it by id or name. */
  async inspect(idOrName: string = this.agentId, options?: CallOptions): Promise<AgentIdentity> {
    return (await this.send('GET', pathOf(idOrName), undefined, options)) as AgentIdentity;
  }

  /** This agent and all below it, parents first. */
  async list(options?: CallOptions): Promise<readonly AgentIdentity[]> {
    return ((await this.send('GET', '/api/v1/agents', undefined, options)) as { items: AgentIdentity[] }).items;
  }

  /** Ends an agent below this one, and all below that. */
  async revoke(idOrName: string, options?: CallOptions): Promise<Revoked> {
    return (await this.send('DELETE', pathOf(idOrName), undefined, options)) as Revoked;
  }

  /** Calls one of the authority's tools, such as `aga_query_chain`. */
  async call(tool: string, input: object = {}, options?: CallOptions): Promise<Document> {
    return (await this.send('POST', `/api/v1/tools/${encodeURIComponent(tool)}`, input, options)) as Document;
  }

  /** Ends what runs, and sends nothing any more. The artifact lives on: `revoke` ends one. */
  async close(): Promise<void> {
    this.#wire.close();
  }

  /** A request to a route that has no method here: the JSON of its answer. Throws `DelegateError`. */
  send(method: string, path: string, body?: object, options?: CallOptions): Promise<unknown> {
    return this.#inSession((token) => this.#wire.send(method, path, body, { key: this.key, token }, options));
  }

  /** The same for an answer that is no JSON, or is read as it comes in. */
  open(method: string, path: string, body?: object, more: More = {}): Promise<Response> {
    return this.#inSession((token) => this.#wire.open(method, path, body, { key: this.key, token }, more));
  }

  async #jobOf(tool: string, input: object, options?: CallOptions): Promise<Job> {
    // Asked of a tool, answered with a status: the authority's schema says so.
    const ask = (name: string, given: object, more: CallOptions): Promise<unknown> => this.call(name, given, more);
    return new Job((await ask(tool, input, options ?? {})) as JobStatus, ask);
  }

  async #inSession<T>(send: (token: string) => Promise<T>): Promise<T> {
    const { sessionToken, sessionExpiresAt } = this.#session;
    if (Date.parse(sessionExpiresAt) - EARLY > Date.now() || sessionExpiresAt === this.expiresAt) {
      try {
        return await send(sessionToken);
      } catch (error) {
        // The clocks differ, or the server was given another key.
        if (!(error instanceof DelegateError && error.code === 'UNAUTHENTICATED')) throw error;
      }
    }
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    this.#session = await this.#renewing;
    return send(this.#session.sessionToken);
  }
}

const pathOf = (idOrName: string): string => `/api/v1/agents/${encodeURIComponent(idOrName)}`;
