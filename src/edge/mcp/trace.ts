/** The `traceparent` of a call (W3C Trace Context), from its `_meta` or its headers. */
import type { Json } from '../../base/canonical.ts';
import { isObject } from './rpc.ts';

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Undefined for what is none: a trace that cannot be read is no reason to refuse a call. */
export const traceIn = (value: unknown): string | undefined =>
  typeof value === 'string' && TRACEPARENT.test(value) ? value : undefined;

/** A call over HTTP whose `_meta` names no trace is part of that of its request (its `traceparent` header). */
export function tracedBy(header: unknown, message: Json): Json {
  const traceparent = traceIn(header);
  if (traceparent === undefined || !isObject(message) || message.method !== 'tools/call') return message;
  const { params } = message;
  const meta = isObject(params) ? (params._meta ?? {}) : undefined;
  if (!isObject(params) || !isObject(meta) || meta.traceparent !== undefined) return message;
  return { ...message, params: { ...params, _meta: { ...meta, traceparent } } };
}
