/** Spans, seen by an exporter that a program has installed. */
import { ROOT_CONTEXT, type Span, type SpanContext, type Tracer, type TracerProvider, trace } from '@opentelemetry/api';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { office } from './jobs/office.ts';
import { kernel, refusal } from './kernel.ts';

interface Recorded {
  readonly name: string;
  readonly attributes: { readonly [name: string]: unknown };
  readonly parent: SpanContext | undefined;
  code?: unknown;
  ended?: true;
}

let spans: Recorded[] = [];
let count = 0;

/** As much of a tracer as is asked for here. */
const tracer = {
  startSpan(name: string, { attributes }: { attributes: object }, context = ROOT_CONTEXT): Span {
    count += 1;
    const parent = trace.getSpanContext(context);
    const spanContext = {
      traceId: parent?.traceId ?? 'f'.repeat(32),
      spanId: String(count).padStart(16, '0'),
      traceFlags: 1,
    };
    const span: Recorded = { name, attributes: { ...attributes }, parent };
    spans.push(span);
    return {
      spanContext: () => spanContext,
      setAttribute: (_: string, value: unknown) => {
        span.code = value;
      },
      setStatus: () => undefined,
      end: () => {
        span.ended = true;
      },
    } as unknown as Span;
  },
} as unknown as Tracer;

beforeEach(() => {
  spans = [];
  trace.setGlobalTracerProvider({ getTracer: () => tracer } as TracerProvider);
});
afterEach(() => trace.disable());

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

it('a call is a span below the trace that it came with, and says with what it was refused', async () => {
  const { service, operator } = kernel();
  const create = service.tools.get('aga_create_artifact')!;
  await service.call(create, {}, operator, { trace: TRACE });
  await refusal(service.call(create, { policy_preset: 'unknown' }, operator));
  expect(spans).toMatchObject([
    {
      name: 'aga_create_artifact',
      attributes: { 'aga.binding': 'operator' },
      parent: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', isRemote: true },
      ended: true,
    },
    { parent: undefined, code: 'INVALID_REQUEST', ended: true },
  ]);
});

it('a job is a span below its dispatch, and its agent goes on from there', async () => {
  const desk = await office();
  try {
    const dispatched = { agent: 'worker', input: { env: true }, wait_seconds: 20 };
    const job = await desk.call('aga_dispatch_job', dispatched, undefined, { trace: TRACE });
    const [outer, inner] = ['aga_dispatch_job', 'job worker@1.0.0'].map((name) =>
      spans.find((span) => span.name === name),
    );
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    expect(outer?.parent).toMatchObject({ traceId, spanId: 'b7ad6b7169203331' });
    expect(inner).toMatchObject({
      attributes: { 'aga.job_id': job.job_id, 'aga.agent': 'worker@1.0.0', 'aga.artifact': job.child_artifact_hash },
      parent: { traceId },
    });
    expect(job.result.TRACEPARENT).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    expect(job.result.TRACEPARENT).not.toContain(inner?.parent?.spanId);
    await expect.poll(() => inner?.ended).toBe(true);
    const failing = await desk.call('aga_dispatch_job', { ...dispatched, agent: 'missing' });
    await expect
      .poll(() => spans.find(({ attributes }) => attributes['aga.job_id'] === failing.job_id)?.code)
      .toBe('UPSTREAM_FAILED');
  } finally {
    await desk.close();
  }
});
