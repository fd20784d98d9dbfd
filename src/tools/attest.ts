import * as z from 'zod';
import { notFound } from '../authority/find.ts';
import { halted } from '../authority/grant.ts';
import type { State } from '../authority/state.ts';
import { type Status, sayFreshness } from '../evidence/freshness.ts';
import { lineageOf } from '../evidence/gather.ts';
import { lineageStatement } from '../evidence/in-toto.ts';
import { creationAt, tlogProof } from '../evidence/tlog.ts';
import { noteOf } from './head.ts';
import * as piece from './schema.ts';
import { namedOrOwn } from './subject.ts';
import { type Reader, tool } from './tool.ts';

interface Asked {
  readonly hash: string;
  readonly now: number;
  readonly status: Status;
}

const FORMATS = {
  'in-toto': (reader: Reader, { hash }: Asked) => lineageStatement(reader, hash, reader.log),
  'tlog-proof': async (reader: Reader, { hash }: Asked) => tlogProof(reader, await creationAt(reader, hash)),
  freshness: freshness,
} as const;
type Format = keyof typeof FORMATS;
const NAMES = Object.keys(FORMATS) as [Format, ...Format[]]; // Object.keys forgets the literal names

/** Small statements about one artifact, for other tools. Not listed over MCP: agents have no use for them, and pay for every word. */
export const attest = tool({
  name: 'aga_attest',
  title: 'Attest an artifact',
  description: 'Makes a small signed statement about one artifact in a format of other tools.',
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.strictObject({
    artifact_hash: piece.artifactHash.optional().describe("Omit for this session's, else the last root created here"),
    format: z.enum(NAMES).describe('What to make'),
  }),
  output: z.strictObject({ text: z.string().describe('The statement') }),
  decide({ artifact_hash, format }, context) {
    const hash = namedOrOwn(context, artifact_hash);
    const { caller, state, now } = context;
    const asked = { hash, now, status: statusIn(state, hash, now) };
    return {
      async later(reader) {
        const line = await lineageOf(reader, hash);
        if (caller.artifact !== null && !line.includes(caller.artifact)) throw notFound();
        return { text: await FORMATS[format](reader, asked) };
      },
    };
  },
});

const STATUS = { ARTIFACT_REVOKED: 'revoked', LEASE_EXPIRED: 'expired', SUSPENDED: 'suspended' } as const;

/** What the state has forgotten has expired long ago. */
function statusIn(state: State, hash: string, now: number): Status {
  const grant = state.grants.get(hash);
  if (!grant) return 'expired';
  const over = halted(grant, now);
  return over ? STATUS[over.code] : 'live';
}

async function freshness(reader: Reader, { hash, now, status }: Asked): Promise<string> {
  const { head } = await reader.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
  const { size, root_hash, checkpoint } = noteOf(head?.checkpoint ?? '');
  const chain = checkpoint.split('\n')[0] ?? '';
  return sayFreshness({ artifact_hash: hash, chain, log: { size, root_hash }, status }, reader.log, now);
}
