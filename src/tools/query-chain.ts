import * as z from 'zod';
import { EVENT_KINDS } from '../authority/event/index.ts';
import { broken } from '../authority/ledger.ts';
import { toHex } from '../base/encoding.ts';
import { visible } from '../caller.ts';
import { leafHash } from '../chain/tree.ts';
import type { Row } from '../ports.ts';
import { headOf } from './head.ts';
import * as piece from './schema.ts';
import { tool } from './tool.ts';

const DEFAULT_LIMIT = 50;

const entry = z.strictObject({
  type: z.literal('aga-entry/v1').describe('Format'),
  chain: z.string().describe("The chain's origin"),
  sequence_number: z.int().describe('From 0, without gaps'),
  timestamp: z.string().describe('UTC; never goes back'),
  previous_hash: z.string().describe('entry_hash of the entry before; 64 zeros for the first'),
  event: z.record(z.string(), z.unknown()).describe('What happened: kind, and the members of that kind'),
});

const output = z.strictObject({
  entries: z.array(entry).describe('As hashed, oldest first'),
  next: z.int().nullable().describe('The "after" of the next page; null on the last'),
  head: z
    .strictObject({
      size: z.int().describe('Entries on the chain'),
      root_hash: z.string().describe('RFC 9162 tree root, hex'),
      checkpoint: z.string().describe('The same as a C2SP signed note'),
      verifier_key: z.string().describe("The log's C2SP verifier key"),
    })
    .describe('Where the chain ends'),
});

export const queryChain = tool({
  name: 'aga_query_chain',
  title: 'Read the audit chain',
  description:
    'Reads entries of the hash-linked audit chain, oldest first: grants, revocations, calls of server tools ' +
    '(DECISION, with a verdict), refused aga_ calls (REFUSAL). ' +
    'For the present state use aga_inspect, to judge whether the chain is intact aga_verify. Every condition given must hold; ' +
    'next continues the query. The operator reads all, a bound session what names its own subtree, with gaps. Writes nothing.',
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: z.strictObject({
    after: z.int().min(-1).optional().describe('Exclusive. Omit for the first'),
    limit: z.int().min(1).max(500).optional().describe('Entries per page. Omit for 50'),
    kind: z
      .enum(EVENT_KINDS as [string, ...string[]])
      .optional()
      .describe('Omit for all kinds'),
    artifact_hash: piece.artifactHash.optional().describe('Entries that name it. Omit for all'),
  }),
  output,
  decide(input, { state, caller }) {
    const { artifact_hash, kind, after = -1, limit = DEFAULT_LIMIT } = input;
    if (artifact_hash !== undefined && caller.artifact !== null) visible(state, caller, artifact_hash);
    const query = {
      after,
      limit: limit + 1,
      ...(kind !== undefined && { kind }),
      ...(artifact_hash !== undefined && { names: artifact_hash }),
      ...(caller.artifact !== null && artifact_hash === undefined && { within: caller.artifact }),
    };
    const verifier_key = state.logKey ?? '';
    return {
      async later(reader) {
        const { rows, head } = await reader.read(query);
        const page = rows.slice(0, limit);
        return {
          entries: page.map(shown),
          next: rows.length > limit ? (page.at(-1)?.sequence_number ?? null) : null,
          head: { ...headOf(head), verifier_key },
        };
      },
    };
  },
});

function shown(row: Row): z.infer<typeof entry> {
  if (toHex(leafHash(row.entry)) !== row.entry_hash)
    throw broken(`Entry ${row.sequence_number} is not what was hashed.`);
  return JSON.parse(row.entry) as z.infer<typeof entry>; // what `sealEntry` wrote is of exactly this shape
}
