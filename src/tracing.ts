/**
 * OpenTelemetry spans, exported if this process has an exporter installed; without one they cost next to nothing and
 * go nowhere. A trace that came with a call (W3C Trace Context), or else with the environment, is their parent, and goes on to
 * the agents of its jobs and to upstreams.
 */
import {
  type Attributes,
  context,
  isSpanContextValid,
  type Span,
  type SpanContext,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { Refusal } from './base/refusal.ts';

const tracer = trace.getTracer('aga-delegate');

/** `undefined` for what is no `traceparent`. */
function parentIn(traceparent: string | null | undefined): SpanContext | undefined {
  const [, traceId = '', spanId = '', flags = ''] = traceparent?.split('-') ?? [];
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) || 0, isRemote: true };
  return isSpanContextValid(parent) ? parent : undefined;
}

/** The trace that started this process, as a supervisor passes it to the agents of its jobs. */
const inherited = parentIn(process.env.TRACEPARENT);

/** A span below the trace of this `traceparent`, or below the one that runs; its owner ends it. */
export function begin(name: string, attributes: Attributes, traceparent?: string | null): Span {
  const active = context.active();
  const parent = parentIn(traceparent) ?? (trace.getSpanContext(active) ? undefined : inherited);
  const within = parent ? trace.setSpanContext(active, parent) : active;
  return tracer.startSpan(name, { attributes }, within);
}

/** The `traceparent` to pass to a process that works for this span; undefined without a trace. */
export function traceparentOf(span: Span): string | undefined {
  const { traceId, spanId, traceFlags } = span.spanContext();
  if (!isSpanContextValid(span.spanContext())) return undefined;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** Ends a span with the code of what went wrong, or null. */
export function finish(span: Span, code: string | null): void {
  if (code !== null) {
    span.setAttribute('aga.code', code);
    span.setStatus({ code: SpanStatusCode.ERROR, message: code });
  }
  span.end();
}

/** Work in a span of its own, which knows with what code it was refused; `work` is told how to go on with the trace. */
export async function traced<T>(
  name: string,
  attributes: Attributes,
  traceparent: string | undefined,
  work: (traceparent: string | undefined) => Promise<T>,
): Promise<T> {
  const span = begin(name, attributes, traceparent);
  try {
    const answer = await work(traceparentOf(span));
    finish(span, null);
    return answer;
  } catch (error) {
    finish(span, Refusal.from(error).code);
    throw error;
  }
}
