import type { BatchResult } from '@hq-export/contract'
import { nowMs } from '@hq-export/observability/clock.ts'
import { contextOf } from '@hq-export/observability/origins.ts'
import { endSpan, failSpan, startSpan } from '@hq-export/observability/span.ts'
import { SpanKind } from '@opentelemetry/api'
import type { Batch } from '../batch/batch.ts'
import type { DecidedOutcome } from '../batch/batch-outcome.ts'
import { rowsAt } from '../batch/open-batch.ts'
import { activeBatch } from './batch-trace.ts'
import { parseTimestamp } from './parse-timestamp.ts'

/** Rows of one trace that go no further, with the code of the first. */
interface RefusedRows {
  readonly code: string
  readonly rows: number
}

function refusedByTrace(batch: Batch, answer: BatchResult): ReadonlyMap<string, RefusedRows> {
  const refused = new Map<string, RefusedRows>()
  const listed = answer.rows.filter(({ outcome }) => outcome === 'quarantined')
  if (listed.length === 0) return refused
  const rows = rowsAt(
    batch,
    listed.map(({ index }) => index),
  )
  for (const [position, row] of rows.entries()) {
    const traceId = row?.traceparent?.slice(3, 35)
    if (traceId === undefined) continue
    const known = refused.get(traceId)
    const code = listed[position]?.code ?? 'unknown'
    refused.set(traceId, { code: known?.code ?? code, rows: (known?.rows ?? 0) + 1 })
  }
  return refused
}

function traceOrigins(batch: Batch, refusedOf: (traceId: string) => RefusedRows | undefined): void {
  const active = activeBatch()
  if (active === undefined) return
  const { origins, sent } = active
  const endTime = sent?.atMs ?? nowMs()
  const links =
    sent?.spanContext === undefined
      ? []
      : [{ context: sent.spanContext, attributes: { 'hq_export.link': 'send' } }]
  for (const origin of origins) {
    // The clock of the source may be ahead of ours.
    const startTime = Math.min(parseTimestamp(origin.capturedAt) ?? endTime, endTime)
    const options = {
      kind: SpanKind.PRODUCER,
      startTime,
      links,
      attributes: {
        'messaging.system': 'hq_outbox',
        'messaging.destination.name': batch.dataset.name,
        'messaging.message.id': batch.id,
        'hq_export.rows': origin.rows,
      },
    }
    const span = startSpan(`deliver ${batch.dataset.name}`, options, contextOf(origin))
    const refused = refusedOf(origin.spanContext.traceId)
    if (refused !== undefined) {
      span.setAttribute('hq_export.rows.refused', refused.rows)
      failSpan(span, refused.code)
    }
    endSpan(span, endTime)
  }
}

/**
 * HQ has decided a batch: every trace that wrote rows of it gets a span of its own, from the
 * capture of its first row to HQ's answer. So whoever starts from the operation that wrote a row
 * sees when HQ had it, or why HQ refused it.
 */
export function traceDelivered(batch: Batch, answer: BatchResult): void {
  if (activeBatch() === undefined) return
  const refused = refusedByTrace(batch, answer)
  traceOrigins(batch, (traceId) => refused.get(traceId))
}

/** As {@link traceDelivered}, or the only row of a batch is undelivered and a dead letter. */
export function traceArrival(batch: Batch, outcome: DecidedOutcome): void {
  if (outcome.kind === 'accepted') traceDelivered(batch, outcome.answer)
  else traceOrigins(batch, () => ({ code: outcome.reason, rows: 1 }))
}
