import { inSpan } from '@hq-export/observability/span.ts'
import { type Span, SpanKind } from '@opentelemetry/api'
import type { Behaviour, Writer } from './transact.ts'

/** `runOperation` as an operator reads it. */
function nameOf({ name }: Behaviour): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

/** Runs something that the application does as a trace of the application's own. */
export function traceOperation(behaviour: Behaviour, writer: Writer): Promise<void> {
  return inSpan(nameOf(behaviour), { root: true }, () => behaviour(writer))
}

/** Runs one transaction inside a span of the operation. */
export function traceTransaction<T>(work: (span: Span) => Promise<T>): Promise<T> {
  const attributes = { 'db.system.name': 'postgresql' }
  return inSpan('transaction', { kind: SpanKind.CLIENT, attributes }, work)
}

/**
 * The `traceparent` that leads rows back to a span; undefined where it is no span, because nothing
 * traces.
 */
export function traceparentOf(span: Span): string | undefined {
  const { traceId, spanId, traceFlags } = span.spanContext()
  if (/^0+$/.test(traceId)) return undefined
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}
