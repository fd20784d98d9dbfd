/** The `traceparent` of a call (W3C Trace Context), from its `_meta` or its headers. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Undefined for what is none: a trace that cannot be read is no reason to refuse a call. */
export const traceIn = (value: unknown): string | undefined =>
  typeof value === 'string' && TRACEPARENT.test(value) ? value : undefined;
