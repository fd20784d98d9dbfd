/** An enforcement point asks whether an act is permitted: the verdict stands on the chain before it is told. */
import * as z from 'zod';
import { sha256Hex } from '#digest';
import { decide } from '../../../authority/decide.ts';
import { canonicalize, type Json } from '../../../base/canonical.ts';
import { Refusal } from '../../../base/refusal.ts';
import { bound } from '../../../caller.ts';
import { type Presenter, present, presentation } from '../../../service/presentation.ts';
import type { Service } from '../../../service/service.ts';
import { asked } from '../../../tools/asked.ts';
import { checkPermission, permissionAnswer } from '../../../tools/check-permission.ts';
import * as piece from '../../../tools/schema.ts';
import { subjectOf } from '../../../tools/subject.ts';
import { route } from '../route.ts';

/** The capability whose resource is the name of a tool. */
const TOOL_CALL = 'tool.call';
/** What a `DECISION` can name. */
const MOST_CHARACTERS = 1024;

const body = z.strictObject({
  artifact_hash: piece.artifactHash.optional().describe("Artifact to ask. Omit for the caller's"),
  capability: z.string().max(128),
  resource: z.string().max(4096),
  arguments: z.record(z.string().max(512), z.custom<Json>()).optional(),
  lineage: presentation.shape.lineage.optional().describe('Signed artifacts, root first: asks the last of them'),
  enrollments: presentation.shape.enrollments,
});
type Question = z.infer<typeof body>;

export const authorize = route({
  method: 'POST',
  path: '/api/v1/authorize',
  summary: 'Judge one act, on the record',
  access: 'key',
  body,
  output: checkPermission.output,
  async answer({ body, caller: transport, signedBy }, { service, onRefused }) {
    const { capability, resource, arguments: given } = body;
    if (capability === TOOL_CALL && resource.length > MOST_CHARACTERS) {
      throw new Refusal('INVALID_REQUEST', `The name of a tool has at most ${MOST_CHARACTERS} characters.`);
    }
    const argumentsDigest = given === undefined ? '' : sha256Hex(canonicalize(given));
    const { caller, hash } = await subject(body, { caller: transport, signedBy }, service);
    const { answer, refused } = await service.ask<{ answer: object; refused: string | null }>({
      name: 'authorize',
      caller,
      writes: true,
      decide(context) {
        const grant = subjectOf(context, hash);
        const act = { capability, resource, ...(given && { arguments: given }) };
        const { binding } = caller;
        const question = { ...asked(act, context.policy), argumentsDigest, requestId: null, binding } as const;
        const judgement = decide(grant, { ...question, mode: 'enforce' }, context.now);
        const answer = permissionAnswer(grant, capability, judgement);
        const refused = answer.allowed ? null : grant.hash;
        return { event: judgement.event, tell: () => ({ answer, refused }) };
      },
    });
    if (refused !== null) onRefused(refused);
    return { json: answer };
  },
});

/** Who asks, and about which artifact: that of a presented lineage, the one named, or the caller's own. */
async function subject({ lineage, enrollments, artifact_hash }: Question, presenter: Presenter, service: Service) {
  if (!lineage) {
    if (presenter.caller.artifact !== '') return { caller: presenter.caller, hash: artifact_hash };
    throw new Refusal('UNAUTHENTICATED', 'A key alone asks with its lineage; anybody else with a bearer token.');
  }
  const { leaf } = await present(service, { lineage, enrollments }, presenter);
  if (artifact_hash !== undefined && artifact_hash !== leaf.hash) {
    throw new Refusal('INVALID_REQUEST', 'artifact_hash is not that of the last artifact of the lineage.');
  }
  // A caller known only by the leaf's key acts under the leaf.
  const isByKey = presenter.caller.artifact === '';
  return { caller: isByKey ? bound(leaf.hash, 'proof') : presenter.caller, hash: leaf.hash };
}
