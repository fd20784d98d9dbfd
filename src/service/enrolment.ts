/** Redeeming an enrolment token: the one door through which a sub-agent becomes the holder of its artifact. */
import { isProven } from '../artifact/enrolment.ts';
import { refuseHalted } from '../authority/find.ts';
import type { Grant } from '../authority/grant.ts';
import { Refusal } from '../base/refusal.ts';
import { bound } from '../caller.ts';
import type { Service } from './service.ts';

export interface Redemption {
  /** What `Tokens.readEnrolment` found in the token. */
  readonly tokenId: string;
  /** did:key of the agent. */
  readonly holder: string;
  readonly proof: string;
  /** Where the agent says its name, it must be the one that was minted. */
  readonly agentName?: string | undefined;
  /** Where the agent says a preset and the token was minted under one, they must be the same. */
  readonly policyPreset?: string | undefined;
}

export interface Redeemed {
  readonly grant: Grant;
}

/** The same words for an unknown token and a wrong secret. */
export const tokenInvalid = (): Refusal => new Refusal('TOKEN_INVALID', 'This enrolment token was never issued.');

/** Binds the key, once; the same key again changes nothing. Throws `TOKEN_USED` for another key. */
export async function redeem(service: Service, redemption: Redemption): Promise<Redeemed> {
  const { tokenId, holder, proof, agentName, policyPreset } = redemption;
  return service.askAnyone<Redeemed>({
    name: 'enroll',
    caller: bound('', 'bearer'),
    // The secret identifies the caller, so that an attempt with a second key leaves a trace at the artifact.
    blame: ({ agents }) => agents.get(tokenId)?.hash ?? '',
    writes: true,
    decide({ state, now }) {
      const grant = mintedFor(state.agents.get(tokenId));
      if (agentName !== undefined && agentName !== grant.subject) {
        throw new Refusal('INVALID_REQUEST', 'agentName is not the name that this token was minted for.');
      }
      if (policyPreset !== undefined && grant.preset !== null && policyPreset !== grant.preset) {
        throw new Refusal(
          'INVALID_REQUEST',
          `The token was minted under the preset "${grant.preset}", not "${policyPreset}".`,
          { hint: 'Enrol without policyPreset, or ask for a token under that one.' },
        );
      }
      if (!isProven(tokenId, holder, proof)) {
        const hint =
          'Sign the RFC 8785 form of {"type":"aga-enroll/v1","token_id","holder"} with the key of publicKey.';
        throw new Refusal('UNAUTHENTICATED', "The proof is not publicKey's signature for this token.", { hint });
      }
      refuseHalted(grant, now);
      if (grant.holder === holder) return { answer: { grant } };
      const event = { kind: 'ENROLLMENT' as const, artifact_hash: grant.hash, token_id: tokenId, holder, proof };
      return { event, tell: () => ({ grant }) };
    },
  });
}

/** The secret was right, so the artifact existed; what is not known any more has expired long ago. */
function mintedFor(grant: Grant | undefined): Grant {
  if (!grant) throw new Refusal('LEASE_EXPIRED', 'The artifact has expired.');
  if (!grant.enroll) throw tokenInvalid();
  return grant;
}
