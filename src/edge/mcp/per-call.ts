/**
 * Who makes one call, where a connection is shared: several agents of one host speak through the same pipe, and one of them
 * may show with a call what it holds itself.
 *
 *     _meta["aga/lineage"]   {"lineage":[root … leaf],"enrollments":[…]}, or the list alone
 *     _meta["lineage"]       the same list under the name that it has in HTTP bodies, with _meta["enrollments"] beside it
 *     _meta["aga/proof"]     the proof of `http/proof.ts` for this call: htm "tools/call" (over HTTP also "POST"), htu the
 *                            address of /mcp (over stdio "aga:stdio"), ath over HTTP, aga_body the digest of the
 *                            RFC 8785 form of {"name":…,"arguments":{…}}
 */
import { BINDINGS, type Binding } from '../../artifact/artifact.ts';
import { canonicalize, type Json } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import { bound, type Caller, visible } from '../../caller.ts';
import type { Nonces } from '../../ports.ts';
import { present, presentation } from '../../service/presentation.ts';
import type { Service } from '../../service/service.ts';
import { OWN, type Slip, type Slips } from '../hook/slips.ts';
import { holderOf } from '../http/authenticate.ts';
import { signedBy } from '../http/proof.ts';
import { refusalResult } from './result.ts';
import type { Session, ToolCall } from './session.ts';

export interface Connection {
  /** The caller that the transport has identified. */
  readonly caller: Caller;
  readonly service: Service;
  /** Where calls arrive: what a proof may name. */
  readonly urls: readonly string[];
  /** The bearer token of this connection; null where it has none. */
  readonly token: string | null;
  readonly nonces: () => Nonces;
  readonly clock: () => number;
  /** The session of another caller. */
  session(caller: Caller): Session;
  /** Told of a proof that is not the holder's of the artifact that this connection acts for. */
  readonly onFailedProof?: (artifact: string) => void;
  /** Who makes a call, where a hook of the host has said so before it came. Throws where one should have. */
  readonly hooked?: Slips['find'] | undefined;
}

/** What a proof over stdio names as its address. */
export const STDIO = 'aga:stdio';

const PROOF = 'aga/proof';
const LINEAGE = 'aga/lineage';
/** As `POST /api/v1/artifacts` and `authorize` take it. */
const PLAIN = 'lineage';
const STATEMENTS = 'enrollments';
/** Claude Code's name for this one use of a tool, see `hook/slips.ts`. */
const USE = 'claudecode/toolUseId';

export function perCall(session: Session, connection: Connection): Session {
  return {
    ...session,
    async callTool(call) {
      const { [PROOF]: proof, [USE]: use } = call.meta;
      let shown: Json | undefined;
      try {
        shown = shownIn(call.meta);
        const slip = typeof use === 'string' ? await connection.hooked?.(use) : undefined;
        const hooked = slip === OWN ? undefined : slip;
        if (!hooked && proof === undefined && shown === undefined) return await session.callTool(call);
        const caller = hooked ? await hookedCaller(hooked, connection) : await callerOf(call, proof, shown, connection);
        return await connection.session({ ...connection.caller, ...caller }).callTool(call);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        const { artifact } = connection.caller;
        if (error.code === 'UNAUTHENTICATED' && proof !== undefined && shown === undefined && artifact !== null)
          connection.onFailedProof?.(artifact);
        return refusalResult(error);
      }
    },
  };
}

/** What the call shows, whichever name it has. `enrollments` alone say nothing, and may be anybody's. */
function shownIn({ [LINEAGE]: named, [PLAIN]: plain, [STATEMENTS]: statements }: ToolCall['meta']): Json | undefined {
  if (plain === undefined && (named === undefined || statements === undefined)) return named;
  if (named !== undefined)
    throw new Refusal(
      'INVALID_REQUEST',
      `_meta has "${LINEAGE}" beside "${plain === undefined ? STATEMENTS : PLAIN}".`,
      {
        hint: `Show the lineage once: in "${LINEAGE}" alone, or as "${PLAIN}" with "${STATEMENTS}" beside it.`,
      },
    );
  if (statements === undefined) return plain;
  if (Array.isArray(plain)) return { lineage: plain, enrollments: statements };
  throw new Refusal('INVALID_REQUEST', `_meta["${PLAIN}"] is no list, with "${STATEMENTS}" beside it.`);
}

/**
 * What a hook said overrides what the call itself shows, so a sub-agent never acts as its host.
 *
 * The client writes the name of the use, and over a network nobody can tell whether it is the host that the hook spoke of.
 * So it may choose among what is below its own artifact, as by showing a lineage, and is known no better than before.
 */
async function hookedCaller({ artifact }: Exclude<Slip, typeof OWN>, { caller, service }: Connection): Promise<Caller> {
  if (artifact !== null) {
    // Somebody whose own authority stands still is not heard as anybody else.
    await service.ask<null>({
      name: 'hook',
      caller,
      writes: false,
      // Only callers below the connection's own artifact may use it.
      decide({ state }) {
        visible(state, caller, artifact);
        return { answer: null };
      },
    });
    return bound(artifact, asHooked(caller));
  }
  throw new Refusal('PERMISSION_DENIED', 'The sub-agent that makes this call has no artifact.', {
    hint: 'Delegate to it first, with aga_delegate_to_subagent and its name as sub_agent_id.',
  });
}

async function callerOf(
  call: ToolCall,
  proof: Json | undefined,
  shown: Json | undefined,
  connection: Connection,
): Promise<Caller> {
  const { caller, service } = connection;
  const signer = proof === undefined ? null : await signerOf(call, proof, connection);
  if (shown === undefined) {
    const { artifact } = caller;
    if (artifact !== null && signer === (await holderOf(artifact, service))) return bound(artifact, 'proof');
    throw new Refusal('UNAUTHENTICATED', 'The proof is not by the holder that this connection acts for.');
  }
  const parsed = presentation.safeParse(Array.isArray(shown) ? { lineage: shown } : shown);
  if (!parsed.success) throw new Refusal('INVALID_REQUEST', 'What _meta shows is not a lineage with its enrolments.');
  const { leaf } = await present(service, parsed.data, { caller, signedBy: signer });
  if (signer !== null && signer !== leaf.holder) {
    throw new Refusal('UNAUTHENTICATED', 'The proof is not by the holder of the last artifact of the lineage.');
  }
  // From above, a call may be made under less than the connection has.
  return bound(leaf.hash, signer === null ? weaker(caller) : 'proof');
}

const weaker = ({ binding }: Caller): Binding => (binding === 'operator' ? 'process' : binding);

const STRONGER: readonly Binding[] = BINDINGS.slice(BINDINGS.indexOf('hook'));
const asHooked = (caller: Caller): Binding => (STRONGER.includes(weaker(caller)) ? 'hook' : weaker(caller));

async function signerOf(
  { name, arguments: given = {} }: ToolCall,
  proof: Json,
  connection: Connection,
): Promise<string> {
  if (typeof proof !== 'string') throw new Refusal('UNAUTHENTICATED', 'The proof is not text.');
  const { urls, token, clock, nonces } = connection;
  const body = new TextEncoder().encode(canonicalize({ name, arguments: given }));
  const methods = token === null ? ['tools/call'] : ['tools/call', 'POST'];
  return signedBy(proof, { methods, urls, body, token }, { clock, nonces: nonces() });
}
