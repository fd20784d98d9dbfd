/**
 * Every way this product says no.
 *
 * A refusal is a coded answer, never an accident: it is thrown where the rule is broken and caught once per edge. An
 * exception that is not a `Refusal` is our own bug and leaves the process as `INTERNAL`, with nothing of it leaked.
 */
interface Row {
  /** HTTP status of the refusal. */
  readonly status: number;
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean;
  /** What the reader can do next, in one sentence; a thrower may give a better one. */
  readonly hint: string;
}

const row = (status: number, hint: string, retryable = false): Row => ({ status, retryable, hint });

export const REFUSALS = {
  INVALID_REQUEST: row(400, 'Correct the named member and send the request again.'),
  UNAUTHENTICATED: row(401, 'Send a valid bearer token in the Authorization header.'),
  TOKEN_INVALID: row(401, 'Ask the delegating agent for a new enrolment token.'),
  PERMISSION_DENIED: row(403, 'Stay within what aga_inspect shows, or ask the agent that delegated to you for more.'),
  LEASE_SUBSET_VIOLATION: row(
    403,
    'Ask for no more than the parent holds; detail.nearest_allowed is a request that would pass.',
  ),
  NOT_OPERATOR: row(403, 'Only an operator session, started without an artifact or token, may do this.'),
  DEPTH_EXCEEDED: row(403, 'This lineage may not grow deeper; delegate from an artifact nearer the root.'),
  FANOUT_EXCEEDED: row(403, 'Revoke a child that is no longer needed, or delegate from another artifact.'),
  LEASE_EXPIRED: row(403, 'Ask the agent that delegated to you for a new artifact.'),
  ARTIFACT_REVOKED: row(403, 'The authority was withdrawn; ask the agent that delegated to you for a new artifact.'),
  SUSPENDED: row(403, 'The operator can lift the suspension with: aga-delegate resume HASH'),
  BUDGET_EXHAUSTED: row(403, 'Spend less, or ask for an artifact with a larger budget.'),
  LIMIT_EXCEEDED: row(
    429,
    'Wait where calls_per_minute is used up; for more calls, ask for an artifact with a larger allowance.',
  ),
  ARTIFACT_NOT_FOUND: row(404, 'Use aga_inspect with view "tree" to list the artifacts you can see.'),
  JOB_NOT_FOUND: row(404, 'Use the job_id that the dispatch returned.'),
  AGENT_NOT_AVAILABLE: row(404, 'Name a registered agent.'),
  AGENT_VERSION_NOT_AVAILABLE: row(404, 'Name a registered version of that agent.'),
  NO_ARTIFACT: row(409, 'Call aga_create_artifact first, or name the artifact by its hash.'),
  DUPLICATE_KEY: row(409, 'This request_id was used with another input; choose a new one.'),
  TOKEN_USED: row(409, 'The token was redeemed with another key; ask the delegating agent for a new one.'),
  CANCELLED: row(409, 'The work was cancelled; start it again if it is still wanted.'),
  TIMEOUT: row(504, 'The work took longer than allowed; try again.', true),
  UPSTREAM_FAILED: row(502, 'The upstream MCP server failed; try again.', true),
  NAME_TAKEN: row(409, 'Choose another name, or revoke the live agent of that name.'),
  RATE_LIMITED: row(429, 'Wait for the time that Retry-After gives.', true),
  NOT_FOUND: row(404, 'See /openapi.json for the routes.'),
  METHOD_NOT_ALLOWED: row(405, 'Use a method that the Allow header names.'),
  REQUEST_TIMEOUT: row(408, 'Send headers and body within 10 seconds.', true),
  PAYLOAD_TOO_LARGE: row(413, 'Send less.'),
  UNSUPPORTED_MEDIA_TYPE: row(415, 'Send application/json.'),
  CHAIN_CONTENDED: row(503, 'Nothing was written; send the same request again.', true),
  CHAIN_BROKEN: row(500, 'Stop and run: aga-delegate verify'),
  INTERNAL: row(500, 'This is a fault of the server; its operator finds the reason on stderr.'),
} as const satisfies Record<string, Row>;

export type Code = keyof typeof REFUSALS;

/** What the caller is shown, the same over MCP, HTTP and the command line. */
export interface RefusalBody {
  readonly code: Code;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly detail: unknown;
}

export interface RefusalOptions {
  /** JSON that helps the caller to correct itself; never a secret, never an argument's value at length. */
  readonly detail?: unknown;
  readonly hint?: string;
}

/** A coded no. `message` is one sentence that says what was wrong. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: Code;
  readonly detail: unknown;
  readonly hint: string;

  constructor(code: Code, message: string, options: RefusalOptions = {}) {
    super(message);
    this.code = code;
    this.detail = options.detail ?? null;
    this.hint = options.hint ?? REFUSALS[code].hint;
  }

  get status(): number {
    return REFUSALS[this.code].status;
  }

  get body(): RefusalBody {
    const { code, message, hint, detail } = this;
    return { code, message, hint, retryable: REFUSALS[code].retryable, detail };
  }

  /** Turns whatever was thrown into a refusal; what is not one becomes `INTERNAL` without its text. */
  static from(thrown: unknown): Refusal {
    return thrown instanceof Refusal ? thrown : new Refusal('INTERNAL', 'Internal error; nothing was promised.');
  }
}
