import { batchAttributes } from '@hq-export/observability/attributes.ts'
import { Origins } from '@hq-export/observability/origins.ts'
import { inSpan } from '@hq-export/observability/span.ts'
import { type Span, SpanKind, trace } from '@opentelemetry/api'
import type { IncomingBatch } from '../store/incoming-batch.ts'
import type { StoredBatch } from '../store/store-batch.ts'

/** The distinct traces that wrote the rows, so that the batch leads back to each of them. */
function originsOf(batch: IncomingBatch): Origins {
  const origins = new Origins((origin) => origin)
  for (const traceparent of batch.traceparents()) origins.add(traceparent)
  return origins
}

function noteOutcomes(span: Span, { answer, replayed }: StoredBatch): void {
  const { received: _, ...outcomes } = answer.counts
  for (const [outcome, rows] of Object.entries(outcomes)) {
    if (rows > 0) span.setAttribute(`hq_export.rows.${outcome}`, rows)
  }
  if (replayed) span.setAttribute('hq_export.replayed', true)
  // The batch is applied; that some of its rows are not is no failure of it (I4).
  if (outcomes.quarantined > 0) {
    span.addEvent('rows.quarantined', { 'hq_export.rows': outcomes.quarantined })
  }
}

/** The span of a batch, for the ledger; undefined while nothing traces. */
export type BatchSpan = Span | undefined

/**
 * Runs the work on a decoded batch inside a CONSUMER span `process <dataset>` with links to where
 * its rows come from. No value of a row gets near it. Costs one comparison while nothing traces.
 */
export async function traceBatch(
  batch: IncomingBatch,
  batchId: string,
  work: (span: BatchSpan) => Promise<StoredBatch>,
): Promise<StoredBatch> {
  if (trace.getActiveSpan()?.isRecording() !== true) return work(undefined)
  const { dataset, source } = batch.head
  const origins = originsOf(batch)
  return inSpan(
    `process ${dataset}`,
    {
      kind: SpanKind.CONSUMER,
      links: origins.links(),
      attributes: {
        ...batchAttributes('process', { dataset, rows: batch.rowCount, id: batchId }),
        'hq_export.source': source,
        'hq_export.links.dropped': origins.dropped,
      },
    },
    async (span) => {
      const stored = await work(span)
      noteOutcomes(span, stored)
      return stored
    },
  )
}
