import type { Origins } from '@hq-export/observability/origins.ts'
import { inSpan } from '@hq-export/observability/span.ts'
import { isTracing } from '@hq-export/observability/start-tracing.ts'
import { context, createContextKey, type SpanContext, SpanKind } from '@opentelemetry/api'
import type { Batch } from '../batch/batch.ts'
import { batchOrigins, type WaitingOrigin } from './batch-origins.ts'
import { activeWindow } from './window-trace.ts'

const BATCH = createContextKey('hq_export.batch')

/** What the spans of a batch know of one another. */
export interface BatchTrace {
  readonly origins: Origins<WaitingOrigin>
  /** The last attempt: its span if it is recorded, and when it had its answer. */
  sent: { readonly spanContext: SpanContext | undefined; readonly atMs: number } | undefined
}

/** Runs the delivery of a batch, every attempt of it, inside a span `batch <dataset>`. */
export async function traceBatch(batch: Batch, work: () => Promise<void>): Promise<void> {
  if (!isTracing()) return work()
  const deliver = () =>
    inSpan(
      `batch ${batch.dataset.name}`,
      {
        kind: SpanKind.INTERNAL,
        attributes: {
          'messaging.destination.name': batch.dataset.name,
          'messaging.batch.message_count': batch.rowCount,
          'messaging.message.id': batch.id,
          'hq_export.batch.bytes': batch.body.length,
        },
      },
      () => {
        const trace: BatchTrace = { origins: batchOrigins(batch), sent: undefined }
        return context.with(context.active().setValue(BATCH, trace), work)
      },
    )
  const window = activeWindow()
  // A half of a batch is delivered inside the span of the whole.
  return window === undefined ? deliver() : window.within(deliver)
}

/** The batch that is being delivered; undefined while nothing traces. */
export function activeBatch(): BatchTrace | undefined {
  return context.active().getValue(BATCH) as BatchTrace | undefined
}
