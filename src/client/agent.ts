/** An enrolled agent: every request is signed with its key, and a session that runs out is renewed with it. */
import type { Json } from '../base/canonical.ts';
import { DelegateError } from './error.ts';
import { Job, type JobStatus } from './job.ts';
import type { AgentKey } from './key.ts';
import type { Lease } from './lease.ts';
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
import type { More, Wire } from './wire.ts';

export interface AgentOptions {
  readonly wire: Wire;
  readonly key: AgentKey;
  readonly enrolled: Enrolled;
  /** Redeems the token again with the same key: another session for the same agent. */
  renew(): Promise<Enrolled>;
}

export interface DispatchOptions {
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
  delegate(request: DelegateRequest): Promise<Delegated>;
  /** Gives work to an agent that the authority starts; without a lease it gets what this agent has, but for the right to delegate. */
  delegate(agent: string, input: Json, lease?: Lease, options?: DispatchOptions): Promise<Job>;
  async delegate(
    to: DelegateRequest | string,
    input: Json = null,
    lease?: Lease,
    { requestId, purpose }: DispatchOptions = {},
  ): Promise<Delegated | Job> {
    if (typeof to !== 'string') {
      return (await this.#send('POST', `/api/v1/agents/${this.agentId}/delegate`, to)) as Delegated;
    }
    const ask = (tool: string, given: object): Promise<unknown> => this.call(tool, given);
    const asked = {
      agent: to,
      input,
      ...lease?.terms,
      ...(requestId !== undefined && { request_id: requestId }),
      ...(purpose !== undefined && { purpose }),
    };
    return new Job((await ask('aga_dispatch_job', asked)) as JobStatus, ask);
  }

  /** A job that was dispatched before, here or elsewhere, by this agent or one below it. */
  async job(id: string): Promise<Job> {
    const ask = (tool: string, given: object): Promise<unknown> => this.call(tool, given);
    return new Job((await ask('aga_get_job', { job_id: id })) as JobStatus, ask);
  }

  /** Whether this agent may do this, now; the verdict stands on the chain. */
  async authorize(act: Act): Promise<Verdict> {
    return (await this.#send('POST', '/api/v1/authorize', act)) as Verdict;
  }

  /** This agent, or one below it by id or name. */
  async inspect(idOrName: string = this.agentId): Promise<AgentIdentity> {
    return (await this.#send('GET', `/api/v1/agents/${encodeURIComponent(idOrName)}`)) as AgentIdentity;
  }

  /** This agent and all below it, parents first. */
  async list(): Promise<readonly AgentIdentity[]> {
    return ((await this.#send('GET', '/api/v1/agents')) as { items: AgentIdentity[] }).items;
  }

  /** Ends an agent below this one, and all below that. */
  async revoke(idOrName: string): Promise<Revoked> {
    return (await this.#send('DELETE', `/api/v1/agents/${encodeURIComponent(idOrName)}`)) as Revoked;
  }

  /** Calls one of the authority's tools, such as `aga_query_chain`. */
  async call(tool: string, input: object = {}): Promise<Document> {
    return (await this.#send('POST', `/api/v1/tools/${encodeURIComponent(tool)}`, input)) as Document;
  }

  /** Ends what runs, and sends nothing any more. The artifact lives on: `revoke` ends one. */
  async close(): Promise<void> {
    this.#wire.close();
  }

  /** A request to a route that has no method here, answered as it comes in. Throws `DelegateError`. */
  open(method: string, path: string, body?: object, more: More = {}): Promise<Response> {
    return this.#inSession((token) => this.#wire.open(method, path, body, { key: this.key, token }, more));
  }

  #send(method: string, path: string, body?: object): Promise<unknown> {
    return this.#inSession((token) => this.#wire.send(method, path, body, { key: this.key, token }));
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
