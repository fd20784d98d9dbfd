/**
 * A state written down, bound to the entry it was taken at and signed by the log's key. It is a cache: one that does not
 * fit the chain, or was not written by us, is ignored, and the chain is folded from its beginning.
 */
import { sha256 } from '#digest';
import { verify } from '#ed25519';
import { BINDINGS, type Binding } from '../artifact/artifact.ts';
import { fromBase64url, toBase64url, toHex } from '../base/encoding.ts';
import type { Signer } from '../ports.ts';
import { intern, type Scope } from '../scope/scope.ts';
import type { Money } from './budget.ts';
import type { Account, Grant } from './grant.ts';
import type { Job } from './job.ts';
import { Ledger } from './ledger.ts';
import type { LogKey } from './log-keys.ts';
import { State } from './state.ts';

const FORMAT = 'aga-snapshot/v1';

/** A grant as a row, its members in this order; parents stand before their children, and are named by their place in the list. */
const COLUMNS = [
  'hash',
  'parent',
  'sequence',
  'subject',
  'depth',
  'issued',
  'expires',
  'maxDepth',
  'maxChildren',
  'minBinding',
  'preset',
  'scope',
  'enroll',
  'holder',
  'revoked',
  'expiryNoted',
  'usage',
  'restraint',
  'sliced',
  'account',
] as const satisfies readonly (keyof Grant)[];

/** What stands in the columns: the members themselves, but for those that are written as something shorter. */
type Cells = Omit<Pick<Grant, (typeof COLUMNS)[number]>, 'parent' | 'minBinding' | 'scope' | 'account'> & {
  readonly parent: number;
  readonly minBinding: number;
  readonly scope: number;
  readonly account: AccountRow | null;
};
type GrantRow = readonly Cells[keyof Cells][];

type MoneyRow = readonly (readonly [currency: string, units: string])[];
type AccountRow = readonly [closed: boolean, spent: MoneyRow, held: MoneyRow];

interface Body {
  readonly origin: string;
  readonly size: number;
  readonly lastHash: string;
  readonly frontier: readonly string[];
  readonly authority: string | null;
  readonly logKey: string | null;
  /** Absent in what was written before keys could follow each other. */
  readonly logKeys?: readonly LogKey[];
  readonly time: number;
  readonly scopes: readonly Scope[];
  readonly grants: readonly GrantRow[];
  readonly requests: readonly (readonly [string, string, number, number])[];
  readonly refusals: readonly (readonly [string, readonly number[]])[];
  readonly refused: readonly (readonly [string, readonly number[]])[];
  readonly fired: readonly (readonly [string, number])[];
  readonly pins: readonly (readonly [string, string])[];
  readonly banned: readonly string[];
  readonly jobs: readonly Job[];
  readonly reservations: readonly (readonly [string, string, MoneyRow, number])[];
}

/** Writes a ledger down: one line with the signature, then the body. */
export function freeze(ledger: Ledger, log: Signer): Uint8Array {
  const { state } = ledger;
  const scopes = new Map<Scope, number>();
  const places = new Map<Grant, number>();
  const grants: GrantRow[] = [];
  for (const grant of state.grants.values()) {
    const scope = scopes.get(grant.scope) ?? scopes.size;
    scopes.set(grant.scope, scope);
    const parent = grant.parent === null ? -1 : places.get(grant.parent)!;
    places.set(grant, grants.length);
    const { account } = grant;
    const cells: Cells = {
      ...grant,
      parent,
      minBinding: BINDINGS.indexOf(grant.minBinding),
      scope,
      account: account && [account.closed, moneyRow(account.spent), moneyRow(account.held)],
    };
    const row: GrantRow[number][] = [];
    for (const name of COLUMNS) row.push(cells[name]);
    grants.push(row);
  }
  const body: Body = {
    origin: ledger.origin,
    size: ledger.size,
    lastHash: ledger.lastHash,
    frontier: ledger.frontier.hashes().map(toHex),
    authority: state.authority,
    logKey: state.logKey,
    logKeys: state.logKeys,
    time: state.time,
    scopes: [...scopes.keys()],
    grants,
    requests: [...state.requests].map(([key, { input, sequence, time }]) => [key, input, sequence, time]),
    refusals: [...state.refusals.recorded],
    refused: [...state.refusals.counted],
    fired: [...state.refusals.fired],
    pins: [...state.pins],
    banned: [...state.banned],
    jobs: [...state.jobs.values()],
    reservations: [...state.reservations.values()].map(({ id, artifact, money, expires }) => [
      id,
      artifact,
      moneyRow(money),
      expires,
    ]),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  const signature = toBase64url(log.sign(binding(bytes)));
  return concat(new TextEncoder().encode(`${FORMAT} ${signature}\n`), bytes);
}

/** The ledger that was frozen, or undefined where these bytes are not a snapshot of that chain written by us. */
export function thaw(bytes: Uint8Array, origin: string, logKey: Uint8Array): Ledger | undefined {
  const end = bytes.indexOf(10);
  const [format, signature] = new TextDecoder().decode(bytes.subarray(0, Math.max(end, 0))).split(' ');
  const rest = bytes.subarray(end + 1);
  const decoded = fromBase64url(signature ?? '');
  if (format !== FORMAT || !decoded || !verify(decoded, binding(rest), logKey)) return undefined;
  const body = JSON.parse(new TextDecoder().decode(rest)) as Body; // signed by ourselves: of the shape we wrote
  if (body.origin !== origin) return undefined;
  const state = new State();
  state.authority = body.authority;
  state.logKeys.push(...(body.logKeys ?? (body.logKey === null ? [] : [{ key: body.logKey, from: 0 }])));
  const scopes = body.scopes.map((scope) => intern(scope));
  const grants: Grant[] = [];
  for (const row of body.grants) {
    const grant = toGrant(row, scopes, grants);
    grants.push(grant);
    state.restore(grant);
  }
  // Everything was put back as if it were alive: now what has expired is sorted out again.
  state.advance(body.time);
  for (const [key, input, sequence, time] of body.requests) state.requests.set(key, { input, sequence, time });
  for (const [caller, times] of body.refusals) state.refusals.recorded.set(caller, [...times]);
  for (const [hash, times] of body.refused) state.refusals.counted.set(hash, [...times]);
  for (const [hash, time] of body.fired) state.refusals.fired.set(hash, time);
  for (const [thing, digest] of body.pins) state.pins.set(thing, digest);
  for (const key of body.banned) state.banned.add(key);
  for (const job of body.jobs) state.restoreJob(job);
  for (const [id, artifact, money, expires] of body.reservations) {
    state.reserve({ id, artifact, money: toMoney(money), expires });
  }
  const ledger = new Ledger(origin);
  ledger.resume(body.size, body.lastHash, body.frontier, state);
  return ledger;
}

function toGrant(row: GrantRow, scopes: readonly Scope[], grants: readonly Grant[]): Grant {
  const cells: { [column: string]: GrantRow[number] | undefined } = {};
  for (let at = 0; at < COLUMNS.length; at++) cells[COLUMNS[at]!] = row[at];
  const written = cells as unknown as Cells; // as we wrote them
  return {
    ...written,
    parent: grants[written.parent] ?? null,
    minBinding: BINDINGS[written.minBinding] as Binding,
    scope: scopes[written.scope]!,
    account: written.account && toAccount(written.account),
    liveChildren: 0,
    children: null,
  };
}

/** Units are beyond what a JSON number holds. */
const moneyRow = (money: Money): MoneyRow => [...money].map(([currency, units]) => [currency, String(units)]);
const toMoney = (row: MoneyRow): Map<string, bigint> =>
  new Map(row.map(([currency, units]) => [currency, BigInt(units)]));
const toAccount = ([closed, spent, held]: AccountRow): Account => ({
  closed,
  spent: toMoney(spent),
  held: toMoney(held),
});

const binding = (bytes: Uint8Array): Uint8Array => concat(new TextEncoder().encode(`${FORMAT}\n`), sha256(bytes));

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
