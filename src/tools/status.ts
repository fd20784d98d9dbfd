/** What is shown of one artifact in a tree. */
import * as z from 'zod';
import { type Grant, type Halted, halted } from '../authority/grant.ts';

export const status = z.enum(['active', 'suspended', 'expired', 'revoked']);
export type Status = z.infer<typeof status>;

export const node = z.strictObject({
  artifact_hash: z.string().describe('Artifact'),
  parent_artifact_hash: z.string().nullable().describe('Its parent; null for a root'),
  subject: z.string().describe('Name of the agent'),
  depth: z.int().describe('0 is a root'),
  status: status.describe('Of its lineage too'),
  expires_at: z.string().describe('UTC'),
  live_children: z.int().describe('Neither expired nor revoked'),
  limits_left: z
    .strictObject({
      calls: z.int().optional().describe('In all'),
      calls_per_minute: z.int().optional().describe('In this minute'),
    })
    .describe('Calls left'),
  budget_left: z.array(z.string()).describe('Amounts left'),
});
export type Node = z.infer<typeof node>;

export function statusOf(grant: Grant, now: number): Status {
  const over = halted(grant, now);
  return over ? NAMES[over.code] : 'active';
}

const NAMES = {
  ARTIFACT_REVOKED: 'revoked',
  LEASE_EXPIRED: 'expired',
  SUSPENDED: 'suspended',
} as const satisfies { [code in Halted['code']]: Status };
