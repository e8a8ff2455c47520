import {
  type Context,
  context,
  INVALID_SPAN_CONTEXT,
  type Span,
  type SpanOptions,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { nowMs } from './clock.ts'
import { errorType } from './error-type.ts'
import { isTracing, suppressed } from './start-tracing.ts'

const SCOPE = 'hq-export'
const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT)

/** Starts a span now, or at `options.startTime`. Ends with {@link endSpan}, never by itself. */
export function startSpan(
  name: string,
  options: SpanOptions = {},
  parent: Context = context.active(),
): Span {
  return trace.getTracer(SCOPE).startSpan(name, { startTime: nowMs(), ...options }, parent)
}

/** Ends a span by the clock that started it. */
export function endSpan(span: Span, atMs: number = nowMs()): void {
  span.end(atMs)
}

/** Marks a span as failed. */
export function failSpan(span: Span, type: string): void {
  span.setAttribute('error.type', type)
  span.setStatus({ code: SpanStatusCode.ERROR, message: type })
}

/** Runs `work` inside a span that is active meanwhile. A plain call while nothing traces. */
export async function inSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T> | T,
  parent: Context = context.active(),
): Promise<T> {
  if (!isTracing()) return work(NO_SPAN)
  const span = startSpan(name, options, parent)
  try {
    return await context.with(trace.setSpan(parent, span), () => work(span))
  } catch (error) {
    failSpan(span, errorType(error))
    throw error
  } finally {
    endSpan(span)
  }
}

/** Runs one step inside an INTERNAL span. */
export function inStep<T>(name: string, work: () => Promise<T> | T): Promise<T> {
  return inSpan(name, {}, work)
}

/** Runs `work` without any span below it. */
export function untraced<T>(work: () => T): T {
  return isTracing() ? context.with(suppressed(context.active()), work) : work()
}
