import { freeMemory } from '@hq-export/runtime/free-memory.ts'
import type { Batch } from '../batch/batch.ts'
import type { DecidedOutcome } from '../batch/batch-outcome.ts'
import { isCompressed } from '../batch/compress.ts'
import { deliverBatch } from '../delivery/deliver-batch.ts'
import type { DeliveryContext } from '../delivery/delivery-context.ts'
import { traceBatch } from '../tracing/batch-trace.ts'
import { traceArrival } from '../tracing/trace-arrival.ts'

/** Settles what has become of a batch, or of a piece of one. */
export type Settle = (batch: Batch, outcome: DecidedOutcome) => Promise<void>

function settlePiece(
  batch: Batch,
  delivery: DeliveryContext,
  settle: Settle,
  cutSince?: number,
): Promise<void> {
  return traceBatch(batch, async () => {
    const outcome = await deliverBatch(batch, delivery, cutSince)
    if (outcome.kind !== 'cut') {
      traceArrival(batch, outcome)
      return settle(batch, outcome)
    }
    const { pieces, isWaitedFor, acceptedBefore } = outcome
    const settleNext = (piece: Batch) => settlePiece(piece, delivery, settle, acceptedBefore)
    if (!isWaitedFor) {
      for (const piece of pieces) await settleNext(piece)
      return
    }
    const ends = await Promise.allSettled(pieces.map(settleNext))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  })
}

/**
 * Delivers a batch and settles every row of it: resolves when nothing of it is left to do. Pieces
 * are settled one by one, as they are decided: what is decided stays so while another is still
 * tried. Its body is gone then.
 * @throws {DeliveryStoppedError} when the relay stops first, and what `settle` throws.
 */
export async function settleBatch(
  batch: Batch,
  delivery: DeliveryContext,
  settle: Settle,
): Promise<void> {
  await settlePiece(batch, delivery, settle)
  // Where it is posted as it is, a socket may still write from it.
  if (isCompressed(batch.body, delivery.compression)) freeMemory(batch.body)
}
