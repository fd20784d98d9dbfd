import * as z from 'zod';
import { inspect } from '../../../tools/inspect.ts';
import { artifactHash } from '../../../tools/schema.ts';
import type { Command } from '../command.ts';

export const resume: Command = {
  name: 'resume',
  group: 'Delegate:',
  summary: 'Lift what triggers imposed on an artifact: a suspension, the loss of the network',
  input: z.strictObject({ artifact_hash: artifactHash.describe('Artifact to resume') }),
  hash: { parameter: 'artifact_hash', required: true },
  examples: [['resume HASH', 'After you have found out why:']],
  async run(desk, { input }) {
    const { resume, call } = await desk.open();
    const hash = String(input.artifact_hash);
    await resume(hash);
    const { status } = await call(inspect, { artifact_hash: hash });
    const answer = { success: true, artifact_hash: hash, status };
    return { answer, text: () => `It is ${String(status)}.` };
  },
};
