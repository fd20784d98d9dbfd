import * as z from 'zod';
import { amountsOf, type Money } from '../authority/budget.ts';
import type { Event } from '../authority/event/index.ts';
import {
  isHeldForCall,
  overBudgetRefusal,
  proposeReservation,
  readAmounts,
} from '../authority/event/spend-reserved.ts';
import { noReservation, proposeSettlement } from '../authority/event/spend-settled.ts';
import { find, refuseHalted } from '../authority/find.ts';
import { type Grant, isWithin } from '../authority/grant.ts';
import type { Reservation } from '../authority/state.ts';
import { Refusal } from '../base/refusal.ts';
import { refuseSpend } from './exhausted.ts';
import { recalled, requestDigest } from './request.ts';
import * as piece from './schema.ts';
import { subjectOf } from './subject.ts';
import { type ChainPosition, type Context, type Step, tool } from './tool.ts';

const NAME = 'aga_spend';

const amounts = z.array(z.string().max(64)).max(32);
const input = z.strictObject({
  action: z.enum(['reserve', 'settle', 'release']).describe('What to do'),
  amounts: amounts.optional().describe('["USD:0.10"]. settle: what was spent, or omit for all'),
  reservation_id: z.string().min(1).max(64).optional().describe('Of settle and release'),
  artifact_hash: piece.artifactHash.optional().describe("Who spends. Omit for this session's"),
  request_id: piece.requestId.optional().describe('A repeat returns the first answer'),
});
type Input = z.infer<typeof input>;

const output = z.strictObject({
  reservation_id: z.string().describe('Needed to settle or release it'),
  expires_at: z.string().nullable().describe('UTC: when it is released by itself; null once it has ended'),
  remaining: z
    .array(
      z.strictObject({
        artifact_hash: z.string().describe('Artifact'),
        depth: z.int().describe('0 is the root'),
        amounts: z.array(z.string()).describe('What it can still reserve'),
      }),
    )
    .describe('The whole lineage, root first'),
  chain: piece.chain,
});

export const spend = tool({
  name: NAME,
  title: 'Spend from a budget',
  description:
    'Accounts for money before it is spent: reserve holds amounts at every level of the lineage at once, settle turns what was spent ' +
    'into spending and frees the rest, release frees all. Use it for what the gateway does not price; ' +
    'aga_check_permission only asks. Too much is BUDGET_EXHAUSTED. ' +
    'Only the subtree that reserved ends it, within 15 minutes. Writes one entry.',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input,
  output,
  decide(given, context) {
    return given.action === 'reserve' ? reserve(given, context) : end(given, context);
  },
});

function reserve(given: Input, context: Context): Step<z.infer<typeof output>> {
  const { amounts, reservation_id } = given;
  const grant = subjectOf(context, given.artifact_hash);
  refuseHalted(grant, context.now);
  const request = requestDigest(NAME, context, { ...given, artifact_hash: grant.hash });
  const recall = recalled(context, request);
  if (recall !== undefined) return { recall, tell };
  if (reservation_id !== undefined) throw new Refusal('INVALID_REQUEST', 'reserve makes a reservation_id; omit it.');
  if (amounts === undefined) throw new Refusal('INVALID_REQUEST', 'reserve needs amounts, for example ["USD:0.10"].');
  const money = readAmounts(amounts);
  const refusal = overBudgetRefusal(grant, money);
  if (refusal) return refuseSpend(refusal, grant, money, NAME, context);
  return {
    event: proposeReservation(grant, money, context.nonce(), context.now, request),
    tell,
  };
}

function end(given: Input, context: Context): Step<z.infer<typeof output>> {
  const { state, caller, now } = context;
  const { action, reservation_id: id, artifact_hash: named } = given;
  if (id === undefined) throw new Refusal('INVALID_REQUEST', `${action} needs the reservation_id of reserve.`);
  const open = state.reservations.get(id);
  // The operator stands outside every subtree, and acts for the artifact that reserved.
  const acting = named ?? caller.artifact ?? open?.artifact;
  const subject = acting === undefined ? undefined : subjectOf(context, named ?? acting);
  if (subject) refuseHalted(subject, now);
  const request = requestDigest(NAME, context, given);
  const recall = recalled(context, request);
  if (recall !== undefined) return { recall, tell };
  if (!open || !subject || !isMine(open, subject, context)) throw noReservation();
  if (isHeldForCall(open.id)) {
    throw new Refusal(
      'PERMISSION_DENIED',
      'This is held for a call of an upstream; the gateway ends it with the call.',
    );
  }
  const spent = spentOf(open, given);
  return {
    event: proposeSettlement(open, find(state, open.artifact), subject, spent, request, OUTCOMES[action]),
    tell,
  };
}

/** Throws where the caller sees the reservation but must not end it under this artifact; false where it is foreign. */
function isMine({ artifact }: Reservation, subject: Grant, { state, caller }: Context): boolean {
  if (isWithin(subject, artifact)) return true;
  if (caller.artifact !== null && !isWithin(find(state, artifact), caller.artifact)) return false;
  throw new Refusal('PERMISSION_DENIED', 'Only the subtree that reserved may settle or release.', {
    hint: 'Name the artifact that reserved as artifact_hash.',
  });
}

function spentOf({ money }: Reservation, { action, amounts }: Input): Money {
  const named = amounts && readAmounts(amounts);
  if (action === 'settle') return named ?? money;
  if (named && amountsOf(named).join() !== amountsOf(money).join()) {
    throw new Refusal('INVALID_REQUEST', 'release frees the whole reservation; settle what was spent instead.');
  }
  return new Map();
}

const OUTCOMES = { reserve: 'settled', settle: 'settled', release: 'released' } as const;

function tell(event: Event, { sequence_number, entry_hash }: ChainPosition): z.infer<typeof output> {
  if (event.kind !== 'SPEND_RESERVED' && event.kind !== 'SPEND_SETTLED') {
    throw new TypeError('spending is told from its own entry');
  }
  const { reservation_id, remaining } = event;
  const expires_at = event.kind === 'SPEND_RESERVED' ? event.expires_at : null;
  return { reservation_id, expires_at, remaining, chain: { sequence_number, entry_hash } };
}
