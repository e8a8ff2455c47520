import { TRACEPARENT } from '@hq-export/contract'
import { batchAttributes } from '@hq-export/observability/attributes.ts'
import { nowMs } from '@hq-export/observability/clock.ts'
import { endSpan, failSpan, inSpan, startSpan } from '@hq-export/observability/span.ts'
import { isTracing } from '@hq-export/observability/start-tracing.ts'
import { context, propagation, type Span, SpanKind, trace } from '@opentelemetry/api'
import type { AttemptOutcome, PostOutcome } from '../batch/attempt-outcome.ts'
import type { Batch } from '../batch/batch.ts'
import { activeBatch } from './batch-trace.ts'

function noteOutcome(span: Span, outcome: PostOutcome): void {
  if (outcome.status !== undefined) {
    span.setAttribute('http.response.status_code', outcome.status)
  }
  const batch = activeBatch()
  const spanContext = span.isRecording() ? span.spanContext() : undefined
  if (batch !== undefined) batch.sent = { spanContext, atMs: nowMs() }
  if (outcome.kind !== 'accepted') failSpan(span, outcome.reason)
  else if (outcome.answer.counts.quarantined > 0) {
    span.addEvent('rows.quarantined', { 'hq_export.rows': outcome.answer.counts.quarantined })
  }
}

/** A wait that is too short to be seen is not shown. */
const MIN_WAIT_MS = 1

/** Shows a wait as a span, so that a gap in the timeline says why it is there. */
export async function traceWait<T>(name: string, waiting: Promise<T>): Promise<T> {
  if (!isTracing()) return waiting
  const startTime = nowMs()
  try {
    return await waiting
  } finally {
    const endTime = nowMs()
    if (endTime - startTime >= MIN_WAIT_MS) endSpan(startSpan(name, { startTime }), endTime)
  }
}

/**
 * Runs one attempt inside a CLIENT span `send <dataset>` with links to the transactions that wrote
 * the rows.
 * @param work gets the `traceparent` to put on the request, undefined while nothing traces.
 */
export async function traceSend(
  batch: Batch,
  attempt: number,
  work: (traceparent: string | undefined) => Promise<PostOutcome>,
): Promise<AttemptOutcome> {
  if (!isTracing()) return work(undefined)
  const parent = trace.getActiveSpan()
  const origins = parent === undefined || parent.isRecording() ? activeBatch()?.origins : undefined
  const { dataset, rowCount: rows, id } = batch
  return inSpan(
    `send ${dataset.name}`,
    {
      kind: SpanKind.CLIENT,
      links: origins?.links() ?? [],
      attributes: {
        ...batchAttributes('send', { dataset: dataset.name, rows, id }),
        'http.request.method': 'POST',
        'hq_export.attempt': attempt,
        'hq_export.links.dropped': origins?.dropped ?? 0,
      },
    },
    async (span) => {
      const carrier: Record<string, string> = {}
      propagation.inject(context.active(), carrier)
      const outcome = await work(carrier[TRACEPARENT])
      noteOutcome(span, outcome)
      return outcome
    },
  )
}
