/**
 * `aga-delegate/client`: an agent's side of the authority. Plain `fetch` and WebCrypto's randomness, so it runs in Node, in
 * browsers and at the edge.
 *
 *     const agent = await connect({ server, token });
 *     const { enrollmentToken } = await agent.delegate({ subAgentName: 'worker', ttl: '30m', policyPreset: 'sandboxed' });
 */
import { Agent } from './agent.ts';
import { DelegateError, unreachable } from './error.ts';
import { type AgentKey, agentKey, enrolmentProof, freshSeed, type KeyStore } from './key.ts';
import type { Enrolled } from './shapes.ts';
import { type CallOptions, type Fetch, type Wire, wireTo } from './wire.ts';

export { Agent, type DispatchOptions } from './agent.ts';
export { DelegateError } from './error.ts';
export { Job, type JobEvent, type JobState, type JobStatus } from './job.ts';
export { type AgentKey, agentKey, agentKeyOf, type KeyStore, requestProof } from './key.ts';
export { type BudgetMode, Lease, LeaseBuilder, type LeaseTerms } from './lease.ts';
export type * from './shapes.ts';
export type { CallOptions } from './wire.ts';
export { type Work, type WorkOptions, work } from './worker.ts';

/** `signal` ends the connecting; what is asked later has its own. */
export interface ConnectOptions extends CallOptions {
  /** Where the authority listens. */
  readonly server: string;
  /** The enrolment token. */
  readonly token: string;
  /** When given, it must be the name that the token was minted for. */
  readonly agentName?: string;
  /** When given, an agent that was minted under another preset is refused. */
  readonly policyPreset?: string;
  /** The agent's key, where it has one already. */
  readonly key?: AgentKey;
  /** Where the key outlives this process. Without one, a token serves one process only: another would have another key. */
  readonly keys?: KeyStore;
  readonly fetch?: Fetch;
}

/** Redeems an enrolment token with a key of one's own. Throws `DelegateError`. */
export async function connect(options: ConnectOptions): Promise<Agent> {
  const { server, token } = options;
  const tokenId = /^lt-delegate-([0-9a-f]{32})\./.exec(token)?.[1];
  if (tokenId === undefined) {
    throw refused(
      'TOKEN_INVALID',
      'This is not an enrolment token.',
      'Use the enrollmentToken that a delegation returned.',
    );
  }
  if (!/^https?:[^?#]*$/i.test(server) || !URL.canParse(server)) {
    throw refused(
      'INVALID_REQUEST',
      'server is not the address of an authority.',
      'Name where it listens, such as http://127.0.0.1:7460.',
    );
  }
  const key = options.key ?? (await keyFor(tokenId, options.keys));
  const wire = wireTo(server, options.fetch);
  const renew = (more?: CallOptions) => enrol(wire, { ...options, tokenId, key }, more);
  const enrolled = await renew(options);
  return new Agent({ wire, key, enrolled, renew });
}

interface Enrolment extends Pick<ConnectOptions, 'token' | 'agentName' | 'policyPreset'> {
  readonly tokenId: string;
  readonly key: AgentKey;
}

async function enrol(
  wire: Wire,
  { token, agentName, policyPreset, tokenId, key }: Enrolment,
  options?: CallOptions,
): Promise<Enrolled> {
  const body = {
    enrollmentToken: token,
    ...(agentName !== undefined && { agentName }),
    ...(policyPreset !== undefined && { policyPreset }),
    publicKey: key.id,
    proof: enrolmentProof(tokenId, key),
  };
  const enrolled = (await wire.send('POST', '/api/v1/agents/enroll', body, undefined, {
    signal: options?.signal,
  })) as Enrolled | null;
  // Of whatever else may listen there, nobody is taken for an authority.
  if (typeof enrolled?.sessionToken !== 'string') throw unreachable(200);
  return enrolled;
}

/** A token is used up by the first key, so the key is safe before it is shown. */
async function keyFor(tokenId: string, store: KeyStore | undefined): Promise<AgentKey> {
  const known = await store?.load(tokenId);
  if (known) return agentKey(known);
  const seed = freshSeed();
  await store?.save(tokenId, seed);
  return agentKey((await store?.load(tokenId)) ?? seed);
}

const refused = (code: string, message: string, hint: string): DelegateError =>
  new DelegateError({ code, message, hint, retryable: false }, 0);
