/** An enforcement point asks whether an act is permitted: the verdict stands on the chain before it is told. */
import * as z from 'zod';
import { sha256Hex } from '#digest';
import { decide } from '../../../authority/decide.ts';
import { canonicalize, type Json } from '../../../base/canonical.ts';
import { Refusal } from '../../../base/refusal.ts';
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
});

export const authorize = route({
  method: 'POST',
  path: '/api/v1/authorize',
  summary: 'Judge one act, on the record',
  access: 'bearer',
  body,
  output: checkPermission.output,
  async answer({ body: { artifact_hash, capability, resource, arguments: given }, caller }, { service, onRefused }) {
    const tool = capability === TOOL_CALL ? resource : null;
    if (tool !== null && tool.length > MOST_CHARACTERS) {
      throw new Refusal('INVALID_REQUEST', `The name of a tool has at most ${MOST_CHARACTERS} characters.`);
    }
    const argumentsDigest = given === undefined ? '' : sha256Hex(canonicalize(given));
    const { answer, refused } = await service.ask<{ answer: object; refused: string | null }>({
      name: 'authorize',
      caller,
      writes: true,
      decide(context) {
        const grant = subjectOf(context, artifact_hash);
        const act = { capability, resource, ...(given && { arguments: given }) };
        const question = { acts: [act], tool, argumentsDigest, requestId: null, binding: caller.binding } as const;
        const { event, message, by } = decide(grant, { ...question, mode: 'enforce' }, context.now);
        const no = event.code === null ? null : { code: event.code, message, by };
        const answer = permissionAnswer(grant, capability, no);
        return { event, tell: () => ({ answer, refused: no && grant.hash }) };
      },
    });
    if (refused !== null) onRefused(refused);
    return { json: answer };
  },
});
