import type { BatchAnswer } from '@hq-export/contract'
import type { Batch } from '../batch/batch.ts'
import { rowsAt } from '../batch/open-batch.ts'
import type { DeadLetter } from '../dead-letter/dead-letter.ts'
import type { DeliveryContext } from './delivery-context.ts'

function deadLetters(
  batch: Batch,
  reasons: readonly { index: number; reason: string; detail: string | null }[],
): DeadLetter[] {
  const rows = rowsAt(
    batch,
    reasons.map(({ index }) => index),
  )
  return reasons.flatMap(({ reason, detail }, position): DeadLetter[] => {
    const row = rows[position]
    const dataset = batch.dataset.name
    return row === undefined ? [] : [{ dataset, row, reason, detail, batch: batch.id }]
  })
}

/** HQ has decided every row: keeps those that it refused, with its reasons. */
export async function settleBatch(
  batch: Batch,
  answer: BatchAnswer,
  delivery: DeliveryContext,
): Promise<void> {
  const refused = answer.rows.flatMap(({ outcome, index, code = 'unknown', detail = null }) =>
    outcome === 'quarantined' ? [{ index, reason: code, detail }] : [],
  )
  if (refused.length > 0) {
    await delivery.keepDeadLetters(deadLetters(batch, refused))
    delivery.log.warn(
      { dataset: batch.dataset.name, batch: batch.id, rows: refused.length },
      'HQ refused rows; kept as dead letters',
    )
  }
  delivery.metrics.settled(batch, answer)
  const { counts } = answer
  delivery.log.debug({ dataset: batch.dataset.name, batch: batch.id, counts }, 'batch')
  delivery.onAccepted(batch.rowCount)
}

/** A row that is alone in its batch and still cannot be delivered. */
export async function settleLoneRow(
  batch: Batch,
  reason: 'too_large' | 'unanswered',
  detail: string,
  delivery: DeliveryContext,
): Promise<void> {
  await delivery.keepDeadLetters(deadLetters(batch, [{ index: 0, reason, detail }]))
  delivery.log.warn(
    { dataset: batch.dataset.name, batch: batch.id, reason },
    'a row cannot be delivered; kept as dead letter',
  )
}
