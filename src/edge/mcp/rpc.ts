/**
 * One line of stdio to one JSON-RPC 2.0 message of MCP, or to the reply that says why not.
 *
 * The MCP SDK parses with `JSON.parse` (the last of two equal names wins) and drops what it cannot read without a word.
 * So every line is judged here first, and the SDK is handed the very object that was judged: nobody parses twice, and
 * nothing that is let through here may be dropped behind.
 */
import type { Json } from '../../base/canonical.ts';
import { Refusal } from '../../base/refusal.ts';
import { parseStrict } from '../../base/strict-json.ts';
import { refusalResult } from './result.ts';

/** 10 MiB, as in the MCP SDK. */
export const MAX_LINE_BYTES = 10 * 1024 * 1024;

/** JSON-RPC 2.0, section 5.1. */
export const RPC = { parse: -32700, request: -32600, method: -32601, params: -32602, internal: -32603 } as const;

export type JsonObject = { readonly [name: string]: Json };
export type RpcId = string | number;

export interface RpcMessage {
  readonly jsonrpc: '2.0';
  readonly id?: RpcId;
  readonly method?: string;
  readonly params?: JsonObject;
}

/** An error response: the MCP SDK sends `code`, `message` and `data` of what a handler throws. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** Exactly one of the two, or neither where nothing is owed: a blank line, an unreadable notification. */
export interface Judgement {
  readonly message?: RpcMessage;
  readonly reply?: object;
}

const NOTHING: Judgement = {};

/** Reads a line without its newline; never throws for what a line may hold. */
export function judge(line: Buffer): Judgement {
  if (isBlank(line)) return NOTHING;
  let value: Json;
  try {
    value = parseStrict(line, { maxBytes: MAX_LINE_BYTES, exact: true });
  } catch (thrown) {
    return { reply: unreadable(line, Refusal.from(thrown)) };
  }
  if (!isObject(value)) return invalid(null);
  if (value.jsonrpc !== '2.0') return invalid(isId(value.id) ? value.id : null);
  return typeof value.method === 'string' ? call(value) : response(value);
}

export function rpcError(id: RpcId | null, code: number, message: string): object {
  return { jsonrpc: '2.0', id, error: { code, message } };
}

const invalid = (id: RpcId | null): Judgement => ({ reply: rpcError(id, RPC.request, 'Invalid request') });

const MEMBERS = new Set(['jsonrpc', 'id', 'method', 'params']);

function call(value: JsonObject): Judgement {
  const id = isId(value.id) ? value.id : null;
  if ((id === null && value.id !== undefined) || !Object.keys(value).every((name) => MEMBERS.has(name)))
    return invalid(id);
  // JSON-RPC 2.0, section 4.1: a notification gets no answer, not even to say what is wrong with it.
  if (!isParams(value.params)) return id === null ? NOTHING : { reply: rpcError(id, RPC.params, 'Invalid params') };
  if (value.method === 'initialize' && id !== null && !isHandshake(value.params))
    return { reply: rpcError(id, RPC.params, HANDSHAKE) };
  return { message: checked(value) };
}

const HANDSHAKE =
  'Invalid params: initialize needs protocolVersion (a string), capabilities (an object) and clientInfo (with name and version)';

/** The SDK would answer with an internal error and the words of its schema. */
function isHandshake(params: Json | undefined): boolean {
  if (!isObject(params) || typeof params.protocolVersion !== 'string' || !isObject(params.capabilities)) return false;
  const { clientInfo: client } = params;
  return isObject(client) && typeof client.name === 'string' && typeof client.version === 'string';
}

/** We ask clients nothing, so a response answers nothing; the SDK sees it in case it did ask. */
function response(value: JsonObject): Judgement {
  const id = isId(value.id) ? value.id : null;
  if (id === null || !('result' in value || 'error' in value)) return invalid(id);
  return { message: checked(value) };
}

/** The members were looked at one by one, which the compiler cannot follow. */
const checked = (value: JsonObject): RpcMessage => value as unknown as RpcMessage;

/**
 * The refusal of a request that no handler gets to see, in the shape that its callers expect: a tool call is refused by
 * a result, anything else by an error.
 */
export function refuse(request: JsonObject & { readonly id: RpcId }, code: number, refusal: Refusal): object {
  const { id, method, params } = request;
  if (method !== 'tools/call') return rpcError(id, code, refusal.message);
  // A client of revision 2026-07-28 takes no result that does not say of itself that it is one.
  const type = claimsModernEra(params) ? { resultType: 'complete' } : {};
  return { jsonrpc: '2.0', id, result: { ...refusalResult(refusal), ...type } };
}

/** A client waits for the id it sent; where a lenient reader finds one, that is all that is used of such a line. */
function unreadable(line: Buffer, refusal: Refusal): object {
  const value = lenient(line);
  if (isObject(value) && value.jsonrpc === '2.0' && typeof value.method === 'string' && isId(value.id))
    return refuse({ ...value, id: value.id }, RPC.parse, refusal);
  return rpcError(null, RPC.parse, refusal.message);
}

const LEADING_ID = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(0|[1-9]\d{0,15}|"[\w-]{1,256}")\s*,/;
const TRAILING_ID = /,\s*"id"\s*:\s*(0|[1-9]\d{0,15}|"[\w-]{1,256}")\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/;

/**
 * The refusal of a line of which only both ends are known. Clients write the id before or behind everything else; where it
 * is not there, nobody is told which request it was.
 */
export function oversized(head: Buffer, tail: Buffer): object {
  const refusal = new Refusal('INVALID_REQUEST', `The line is larger than ${MAX_LINE_BYTES} bytes.`, {
    hint: 'Send less in one request.',
  });
  const [begin, end] = [head.toString(), tail.toString()];
  const found = LEADING_ID.exec(begin) ?? TRAILING_ID.exec(end);
  const id: unknown = JSON.parse(found?.[1] ?? 'null');
  if (!isId(id)) return rpcError(null, RPC.parse, refusal.message);
  const method = /"method"\s*:\s*"tools\/call"/.test(begin + end) ? 'tools/call' : '';
  return refuse({ id, method }, RPC.parse, refusal);
}

/** Hostile input is not worth a second look at length. */
const LENIENT_BYTES = 1024 * 1024;

function lenient(line: Buffer): unknown {
  if (line.length > LENIENT_BYTES) return undefined;
  try {
    return JSON.parse(line.toString());
  } catch {
    return undefined;
  }
}

const claimsModernEra = (params: unknown): boolean =>
  isObject(params) && isObject(params._meta) && params._meta['io.modelcontextprotocol/protocolVersion'] !== undefined;

/** The SDK's own bounds for `params`; a message outside them would get no answer at all. */
function isParams(params: Json | undefined): params is JsonObject | undefined {
  if (params === undefined) return true;
  if (!isObject(params)) return false;
  const meta = params._meta;
  if (meta === undefined) return true;
  if (!isObject(meta)) return false;
  const task = meta['io.modelcontextprotocol/related-task'];
  return (
    (meta.progressToken === undefined || isId(meta.progressToken)) &&
    (task === undefined || (isObject(task) && typeof task.taskId === 'string'))
  );
}

export const isId = (value: unknown): value is RpcId => typeof value === 'string' || Number.isSafeInteger(value);

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}
