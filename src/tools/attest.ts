import * as z from 'zod';
import { notFound } from '../authority/find.ts';
import { halted } from '../authority/grant.ts';
import type { State } from '../authority/state.ts';
import { toHex } from '../base/encoding.ts';
import { rootOf } from '../chain/proof.ts';
import { type Status, sayFreshness } from '../evidence/freshness.ts';
import { lineageOf } from '../evidence/gather.ts';
import { lineageStatement } from '../evidence/in-toto.ts';
import { withNodes } from '../evidence/tiles.ts';
import { creationAt, tlogProof } from '../evidence/tlog.ts';
import * as piece from './schema.ts';
import { namedOrOwn } from './subject.ts';
import { type Reader, tool } from './tool.ts';

interface Asked {
  readonly hash: string;
  /** Entries of the chain by which the status was found. */
  readonly size: number;
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
    const { caller, state, now, place } = context;
    const asked = { hash, now, size: place.sequence, status: statusIn(state, hash, now) };
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

/** As of the entries that the status came from: the chain may have gone on since, and have revoked it. */
async function freshness(reader: Reader, { hash, now, size, status }: Asked): Promise<string> {
  const { head } = await reader.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
  const chain = head?.checkpoint.split('\n')[0] ?? '';
  const root = await withNodes(reader, size, (nodes) => rootOf(nodes, 0, size));
  return sayFreshness({ artifact_hash: hash, chain, log: { size, root_hash: toHex(root) }, status }, reader.log, now);
}
