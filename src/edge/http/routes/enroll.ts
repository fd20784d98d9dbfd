/** Redeeming an enrolment token: the only route that makes an agent out of a secret. */
import * as z from 'zod';
import { agentId } from '../../../artifact/enrolment.ts';
import { lineage } from '../../../authority/grant.ts';
import { fromDidKey } from '../../../base/did-key.ts';
import { fromBase64url } from '../../../base/encoding.ts';
import { formatInstant } from '../../../base/instant.ts';
import { redeem, tokenInvalid } from '../../../service/enrolment.ts';
import { parentRef, refTo } from '../agent.ts';
import { lineageOnChain } from '../lineage.ts';
import { type Route, route } from '../route.ts';
import { openSession } from '../session.ts';

const body = z.strictObject({
  enrollmentToken: z.string().max(256),
  agentName: z.string().max(128).optional().describe('When present it must be the name that was minted'),
  policyPreset: z.string().max(128).optional().describe('When present it must be the one that was minted, if any'),
  publicKey: z.string().refine((text) => fromDidKey(text) !== undefined, 'must be the did:key of an Ed25519 key'),
  proof: z
    .string()
    .refine((text) => fromBase64url(text)?.length === 64, 'must be 86 characters base64url')
    .describe('Signature over the RFC 8785 form of {"type":"aga-enroll/v1","token_id","holder"}'),
});

const json = z.record(z.string(), z.unknown());
const output = z.strictObject({
  sessionToken: z.string(),
  sessionExpiresAt: z.string().describe('UTC; redeem again with the same key for another session'),
  agentId: z.string(),
  agentName: z.string(),
  artifact: json.describe('The signed artifact'),
  lineage: z.array(json).describe('Root first'),
  enrollments: z.array(json).describe('The enrolment statements of that lineage'),
  policyPreset: z.string().nullable(),
  parentRef,
  expiresAt: z.string().describe("UTC; the artifact's, which late redemption does not extend"),
});

const enrollAt = (path: string): Route =>
  route({
    method: 'POST',
    path,
    summary: 'Redeem an enrolment token with a key of your own',
    access: 'anyone',
    body,
    output,
    async answer({ body: { enrollmentToken, publicKey, ...said } }, site) {
      const { service, tokens, namespace } = site;
      const tokenId = tokens.readEnrolment(enrollmentToken);
      if (tokenId === null) throw tokenInvalid();
      const { grant } = await redeem(service, { tokenId, holder: publicKey, ...said });
      const { artifacts, enrollments } = await lineageOnChain(service, lineage(grant));
      return {
        json: {
          ...openSession(grant, site),
          agentId: agentId(grant.hash),
          agentName: grant.subject,
          artifact: artifacts.at(-1) ?? {},
          lineage: artifacts,
          enrollments,
          policyPreset: grant.preset,
          parentRef: refTo(grant.parent ?? grant, namespace),
          expiresAt: formatInstant(grant.expires),
        } satisfies z.infer<typeof output>,
      };
    },
  });

export const enroll = enrollAt('/api/v1/agents/enroll');
/** The name under which Lattice's agents know it. */
export const register = enrollAt('/api/v1/agent-isolation/register');
