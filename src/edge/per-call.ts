/**
 * Who makes one call, where a connection is shared: several agents of one host speak through the same pipe, and one of them
 * may show with a call what it holds itself.
 *
 *     _meta["aga/lineage"]   {"lineage":[root … leaf],"enrollments":[…]}, or the list alone
 *     _meta["aga/proof"]     the proof of `http/proof.ts` for this call: htm "tools/call" (over HTTP also "POST"), htu the
 *                            address of /mcp (over stdio "aga:stdio"), ath over HTTP, aga_body the digest of the
 *                            RFC 8785 form of {"name":…,"arguments":{…}}
 */
import { canonicalize, type Json } from '../base/canonical.ts';
import { Refusal } from '../base/refusal.ts';
import { bound, type Caller } from '../caller.ts';
import type { Nonces } from '../ports.ts';
import { present, presentation } from '../service/presentation.ts';
import type { Service } from '../service/service.ts';
import { holderOf } from './http/authenticate.ts';
import { signedBy } from './http/proof.ts';
import { refusalResult } from './result.ts';
import type { Session, ToolCall } from './session.ts';

export interface Connection {
  /** Whom the transport knows. */
  readonly caller: Caller;
  readonly service: Service;
  /** Where calls arrive. */
  readonly url: string;
  /** The bearer token of this connection; null where it has none. */
  readonly token: string | null;
  readonly nonces: () => Nonces;
  readonly clock: () => number;
  /** The session of another caller. */
  session(caller: Caller): Session;
}

/** What a proof over stdio names as its address. */
export const STDIO = 'aga:stdio';

const PROOF = 'aga/proof';
const LINEAGE = 'aga/lineage';

export function perCall(session: Session, connection: Connection): Session {
  return {
    ...session,
    async callTool(call) {
      const { [PROOF]: proof, [LINEAGE]: shown } = call.meta;
      if (proof === undefined && shown === undefined) return session.callTool(call);
      try {
        const caller = await callerOf(call, proof, shown, connection);
        return await connection.session({ ...connection.caller, ...caller }).callTool(call);
      } catch (error) {
        if (error instanceof Refusal) return refusalResult(error);
        throw error;
      }
    },
  };
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
  if (!parsed.success) throw new Refusal('INVALID_REQUEST', `_meta["${LINEAGE}"] is no lineage with its enrolments.`);
  const { leaf } = await present(service, parsed.data, { caller, signedBy: signer });
  if (signer !== null && signer !== leaf.holder) {
    throw new Refusal('UNAUTHENTICATED', 'The proof is not by the holder of the last artifact of the lineage.');
  }
  // From above, a call may be made under less than the connection has.
  return bound(leaf.hash, signer === null ? weaker(caller) : 'proof');
}

const weaker = ({ binding }: Caller) => (binding === 'operator' ? 'process' : binding);

async function signerOf(
  { name, arguments: given = {} }: ToolCall,
  proof: Json,
  connection: Connection,
): Promise<string> {
  if (typeof proof !== 'string') throw new Refusal('UNAUTHENTICATED', 'The proof is no text.');
  const { url, token, clock, nonces } = connection;
  const body = new TextEncoder().encode(canonicalize({ name, arguments: given }));
  const methods = token === null ? ['tools/call'] : ['tools/call', 'POST'];
  return signedBy(proof, { methods, url, body, token }, { clock, nonces: nonces() });
}
