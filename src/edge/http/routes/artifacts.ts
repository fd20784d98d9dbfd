/** Presenting a lineage that was signed elsewhere: the authority gets to know it, and its holder gets a session. */
import * as z from 'zod';
import { agentId } from '../../../artifact/enrolment.ts';
import { refuseHalted } from '../../../authority/find.ts';
import { formatInstant } from '../../../base/instant.ts';
import { present, presentation } from '../../../service/presentation.ts';
import { parentRef, refTo } from '../agent.ts';
import { route } from '../route.ts';
import { openSession } from '../session.ts';

const output = z.strictObject({
  artifactHash: z.string(),
  agentId: z.string(),
  agentName: z.string(),
  recorded: z.int().describe('Artifacts that were new to the chain'),
  parentRef,
  expiresAt: z.string(),
  sessionToken: z.string().optional().describe("For the leaf's holder, who signed this request"),
  sessionExpiresAt: z.string().optional(),
});

export const presentArtifacts = route({
  method: 'POST',
  path: '/api/v1/artifacts',
  summary: 'Present a holder-signed lineage: recorded on first sight',
  access: 'key',
  body: presentation,
  output,
  async answer({ body, caller, signedBy }, site) {
    site.mints.take(caller.artifact || (signedBy ?? 'operator'));
    const { leaf, recorded } = await present(site.service, body, { caller, signedBy });
    // What was recorded before may have ended since.
    refuseHalted(leaf, site.clock());
    return {
      json: {
        artifactHash: leaf.hash,
        agentId: agentId(leaf.hash),
        agentName: leaf.subject,
        recorded,
        parentRef: refTo(leaf.parent ?? leaf, site.namespace),
        expiresAt: formatInstant(leaf.expires),
        ...(signedBy !== null && signedBy === leaf.holder && openSession(leaf, site)),
      } satisfies z.infer<typeof output>,
    };
  },
});
