import { type Envelope, parseTraceparent } from '@hq-export/contract'
import { context, type Link, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'

const TRACER = 'hq-export.hq-ingest'
/** OpenTelemetry's default limit of links per span; what goes beyond is counted on the span. */
const MAX_LINKS = 128

/** Links to the distinct operations that wrote the rows, so that the batch leads back to each of them. */
export function originLinks(rows: Envelope['rows']): {
  readonly links: Link[]
  readonly dropped: number
} {
  const distinct = new Set<string>()
  for (const { traceparent } of rows) if (traceparent !== undefined) distinct.add(traceparent)
  const links: Link[] = []
  for (const traceparent of distinct) {
    if (links.length === MAX_LINKS) break
    const origin = parseTraceparent(traceparent)
    if (origin === undefined) continue
    const { traceId, spanId, flags } = origin
    links.push({ context: { traceId, spanId, traceFlags: flags, isRemote: true } })
  }
  return { links, dropped: Math.max(0, distinct.size - MAX_LINKS) }
}

function fail(span: Span, error: unknown): void {
  span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown')
  span.setStatus({ code: SpanStatusCode.ERROR })
}

/** The span of a batch, for the ledger; undefined while nothing traces. */
export type BatchSpan = Span | undefined

/**
 * Runs the work on a decoded batch inside a CONSUMER span `process <dataset>` with links to where its rows come from.
 * No value of a row gets near it. Costs one comparison while nothing traces.
 */
export async function traceBatch<T>(
  envelope: Envelope,
  batchId: string,
  work: (span: BatchSpan) => Promise<T>,
): Promise<T> {
  if (trace.getActiveSpan()?.isRecording() !== true) return work(undefined)
  const { links, dropped } = originLinks(envelope.rows)
  const span = trace.getTracer(TRACER).startSpan(`process ${envelope.dataset}`, {
    kind: SpanKind.CONSUMER,
    links,
    attributes: {
      'messaging.system': 'hq_outbox',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': envelope.dataset,
      'messaging.batch.message_count': envelope.rows.length,
      'messaging.message.id': batchId,
      'hq_export.source': envelope.source,
      'hq_export.links.dropped': dropped,
    },
  })
  try {
    return await context.with(trace.setSpan(context.active(), span), () => work(span))
  } catch (error) {
    fail(span, error)
    throw error
  } finally {
    span.end()
  }
}

/** Runs one step against HQ inside a CLIENT span; a plain call while nothing traces. */
export async function traceStep<T>(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  work: () => Promise<T>,
): Promise<T> {
  if (trace.getActiveSpan()?.isRecording() !== true) return work()
  const span = trace.getTracer(TRACER).startSpan(name, {
    kind: SpanKind.CLIENT,
    attributes: { 'db.system.name': 'postgresql', ...attributes },
  })
  try {
    return await context.with(trace.setSpan(context.active(), span), work)
  } catch (error) {
    fail(span, error)
    throw error
  } finally {
    span.end()
  }
}
