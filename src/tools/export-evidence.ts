import * as z from 'zod';
import { notFound } from '../authority/find.ts';
import { idOf, keepBundle } from '../evidence/export.ts';
import { lineageOf } from '../evidence/gather.ts';
import { buildReceipts } from '../evidence/receipts/build.ts';
import * as piece from './schema.ts';
import { namedOrOwn } from './subject.ts';
import { type Reader, tool } from './tool.ts';

interface Kept {
  readonly id: string;
  readonly path: string;
  readonly entries: number;
  readonly checkpoint: string;
}

const FORMATS: { readonly [format in 'aga' | 'governance-receipts']: typeof receipts } = {
  aga: (reader, artifact_hash, time) =>
    keepBundle(reader, reader.archive, { artifact_hash }, { log: reader.log, time }),
  'governance-receipts': receipts,
};
type Format = keyof typeof FORMATS;
const NAMES = Object.keys(FORMATS) as [Format, ...Format[]]; // Object.keys forgets the literal names

export const exportEvidence = tool({
  name: 'aga_export_evidence',
  title: 'Export evidence of an artifact',
  description:
    'Writes a file that strangers verify offline, trusting only the authority key: an artifact, its lineage and all that was done in its subtree, never a sibling. ' +
    'To read history here use aga_query_chain, to judge such a file aga_verify with target "bundle". Works after revocation and expiry. ' +
    'A bound session exports its own subtree, the operator anything. The chain is not changed.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    artifact_hash: piece.artifactHash.optional().describe("Omit for this session's"),
    format: z
      .enum(NAMES)
      .optional()
      .describe('aga (all), governance-receipts (tool calls; refused if none). Omit for "aga"'),
  }),
  output: z.strictObject({
    path: z.string().describe('The file, in the data directory of this installation'),
    resource: z.string().describe('The same as an MCP resource: aga://evidence/{id}'),
    entries: z.int().describe('Chain entries, or receipts, in the file'),
    checkpoint: z.string().describe('Signed head that the file is proven against, a C2SP note'),
  }),
  decide({ artifact_hash, format = 'aga' }, context) {
    const hash = namedOrOwn(context, artifact_hash);
    const { now, caller } = context;
    return {
      async later(reader) {
        // What expired long ago is known to the chain alone, so it is the chain that is asked who may see it.
        const line = caller.artifact === null ? [] : await lineageOf(reader, hash);
        if (caller.artifact !== null && !line.includes(caller.artifact)) throw notFound();
        const { id, path, entries, checkpoint } = await FORMATS[format](reader, hash, now);
        return { path, resource: `aga://evidence/${id}`, entries, checkpoint };
      },
    };
  },
});

async function receipts(reader: Reader, hash: string, time: number): Promise<Kept> {
  const { text, entries, checkpoint } = await buildReceipts(reader, hash, reader.log, time);
  const id = `${idOf({ artifact_hash: hash }, checkpoint)}-receipts`;
  return { id, path: await reader.archive.save(id, text), entries, checkpoint };
}
