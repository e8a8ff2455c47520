import { type BatchResult, HEARTBEAT_DATASET } from '@hq-export/contract'
import { inStep } from '@hq-export/observability/span.ts'
import type { Batch } from '../batch/batch.ts'
import { rowsAt } from '../batch/open-batch.ts'
import { type DeadLetter, isVersionConflict, NOT_IN_TIME } from '../dead-letter/dead-letter.ts'
import { traceDeadLettered } from '../tracing/trace-arrival.ts'
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

async function settleRefused(
  batch: Batch,
  refused: readonly DeadLetter[],
  delivery: DeliveryContext,
): Promise<void> {
  const facts = { dataset: batch.dataset.name, batch: batch.id }
  const conflicts = refused.filter(isVersionConflict)
  const others = refused.filter((letter) => !isVersionConflict(letter))
  if (others.length > 0) {
    await delivery.keepDeadLetters(others)
    delivery.log.warn({ ...facts, rows: others.length }, 'HQ refused rows; kept as dead letters')
  }
  if (conflicts.length > 0) {
    const { resent, kept } = await delivery.resendConflicts(conflicts)
    delivery.log.warn(
      { ...facts, resent, kept },
      'HQ holds versions with other content, as after a failover; sent again above them',
    )
  }
}

/** Characters of a code and of a detail that are kept of what HQ says; ours are far shorter. */
const MAX_CODE_CHARS = 100
const MAX_DETAIL_CHARS = 1_000

/**
 * HQ has decided every row: keeps those that it refused, with its reasons, and sends again what it
 * has to have above what it has.
 */
export async function acknowledgeBatch(
  batch: Batch,
  answer: BatchResult,
  delivery: DeliveryContext,
): Promise<void> {
  const refused = answer.rows.flatMap(({ outcome, index, code = 'unknown', detail = null }) =>
    outcome === 'quarantined'
      ? [
          {
            index,
            reason: code.slice(0, MAX_CODE_CHARS),
            detail: detail?.slice(0, MAX_DETAIL_CHARS) ?? null,
          },
        ]
      : [],
  )
  if (refused.length > 0) {
    const letters = deadLetters(batch, refused)
    await inStep('keep dead letters', () => settleRefused(batch, letters, delivery))
  }
  delivery.metrics.settled(batch, answer)
  const { counts } = answer
  delivery.log.debug({ dataset: batch.dataset.name, batch: batch.id, counts }, 'batch')
  const deleteRaces = await delivery.findDeleteRaces(batch, answer)
  if (deleteRaces.length > 0) await delivery.repairDeleteRaces(deleteRaces)
  delivery.onAccepted(batch.rowCount, answer.counts)
}

/** Why a row that is alone in its batch is not delivered: the reason of its dead letter. */
export type LoneReason = 'too_large' | 'unanswered' | 'blocked' | typeof NOT_IN_TIME

/** A row that is alone in its batch and still cannot be delivered, or not now. */
export async function deadLetterLoneRow(
  batch: Batch,
  reason: LoneReason,
  detail: string,
  delivery: DeliveryContext,
): Promise<void> {
  traceDeadLettered(batch, reason)
  // It only measures the way, and the next one is on its own.
  if (batch.dataset.name === HEARTBEAT_DATASET) return
  const letters = deadLetters(batch, [{ index: 0, reason, detail }])
  await inStep('keep dead letters', () => delivery.keepDeadLetters(letters))
  delivery.log.warn(
    { dataset: batch.dataset.name, batch: batch.id, reason },
    reason === NOT_IN_TIME
      ? 'HQ cannot take a row now; kept as dead letter, and tried again from time to time'
      : 'a row cannot be delivered; kept as dead letter',
  )
}
