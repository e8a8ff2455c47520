import { parseTraceparent, TRACEPARENT } from '@hq-export/contract'
import {
  context,
  type Link,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import type { Batch } from './batch/batch.ts'

const TRACER = 'hq-export.outbox-relay'
/** OpenTelemetry's default limit of links per span; what goes beyond is counted on the span. */
const MAX_LINKS = 128

/** Name under which the relay appears, unless `OTEL_SERVICE_NAME` says otherwise. */
const SERVICE_NAME = 'outbox-relay'

type Environment = Readonly<Record<string, string | undefined>>

let isTracing = false

/** Ends tracing and sends what is buffered. */
export type StopTracing = () => Promise<void>

/** True where the standard variables name a place to send traces to. */
function isTracingAsked(env: Environment): boolean {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return false
  return Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)
}

/**
 * Starts the OpenTelemetry SDK if the standard variables ask for it; it reads the rest of them itself. Loaded only then: without
 * tracing the SDK would be most of the process's start-up time and a good part of its memory.
 */
export async function startTracing(env: Environment): Promise<StopTracing> {
  if (!isTracingAsked(env)) return async () => {}
  const { NodeSDK } = await import('@opentelemetry/sdk-node')
  const sdk = new NodeSDK({
    ...(env.OTEL_SERVICE_NAME === undefined && { serviceName: SERVICE_NAME }),
    instrumentations: [],
  })
  sdk.start()
  isTracing = true
  return () => sdk.shutdown()
}

const TRACEPARENT_MEMBER = /,"traceparent":"(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})"/g

/** Links to the distinct transactions that wrote the rows, so that the batch leads back to each of them. */
export function originLinks(batch: Batch): { links: Link[]; dropped: number } {
  const text = batch.body.toString('utf8')
  const distinct = new Set(Array.from(text.matchAll(TRACEPARENT_MEMBER), ([, found]) => found))
  const links = [...distinct].flatMap((traceparent): Link[] => {
    const parent = parseTraceparent(traceparent)
    if (parent === undefined) return []
    const { traceId, spanId, flags } = parent
    return [{ context: { traceId, spanId, traceFlags: flags, isRemote: true } }]
  })
  return { links: links.slice(0, MAX_LINKS), dropped: Math.max(0, links.length - MAX_LINKS) }
}

/**
 * Runs one attempt inside a CLIENT span `send <dataset>`.
 * @param work gets the `traceparent` to put on the request, undefined while nothing traces.
 */
export async function withSendSpan<T>(
  batch: Batch,
  attempt: number,
  work: (traceparent: string | undefined, span: Span) => Promise<T>,
): Promise<T> {
  // Without an SDK there is nobody to show the links to, and finding them reads the whole batch.
  const { links, dropped } = isTracing ? originLinks(batch) : { links: [], dropped: 0 }
  const span = trace.getTracer(TRACER).startSpan(`send ${batch.dataset.name}`, {
    kind: SpanKind.CLIENT,
    links,
    attributes: {
      'messaging.system': 'hq_outbox',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': batch.dataset.name,
      'messaging.batch.message_count': batch.rowCount,
      'messaging.message.id': batch.id,
      'hq_export.attempt': attempt,
      'hq_export.links.dropped': dropped,
    },
  })
  const active = trace.setSpan(context.active(), span)
  const carrier: Record<string, string> = {}
  propagation.inject(active, carrier)
  try {
    return await context.with(active, () => work(carrier[TRACEPARENT], span))
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR })
    throw error
  } finally {
    span.end()
  }
}
