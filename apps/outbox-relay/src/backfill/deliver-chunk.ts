import { type Counts, emptyCounts, OUTCOMES } from '@hq-export/contract'
import {
  acknowledgeOutcome,
  keepDeadLetters,
  type Settlement,
} from '../acknowledge/acknowledge-outcome.ts'
import { type Settle, settleBatch } from '../acknowledge/settle-batch.ts'
import { MAX_BATCH_BYTES, RowPacker } from '../batch/pack-rows.ts'
import { sealBatch } from '../batch/seal-batch.ts'
import type { DeliveryContext } from '../delivery/delivery-context.ts'
import type { ChunkResult } from './progress.ts'
import type { Chunk } from './read-chunks.ts'

/**
 * Delivers a chunk the way a window is: signed batches, dead letters for what HQ refuses. Resolves
 * when HQ has decided every row of it.
 * @throws {DeliveryStoppedError} when the backfill stops first; the chunk is then sent again.
 */
export async function deliverChunk(
  chunk: Chunk,
  delivery: DeliveryContext,
  settlement: Settlement,
): Promise<ChunkResult> {
  const counts: Counts = emptyCounts(0)
  let refused = chunk.failed.length
  const settle: Settle = async (batch, outcome) => {
    const { letters, conflicts } = await acknowledgeOutcome(batch, outcome, settlement)
    refused += letters.length + conflicts
    if (outcome.kind !== 'accepted') return
    counts.received += outcome.answer.counts.received
    for (const name of OUTCOMES) counts[name] += outcome.answer.counts[name]
  }
  if (chunk.failed.length > 0) await keepDeadLetters(chunk.failed, settlement)
  const packer = new RowPacker({ maxRows: delivery.sizer.rows, maxBytes: MAX_BATCH_BYTES })
  const full = chunk.wireRows.flatMap((rows) => packer.add(rows) ?? [])
  const batches = [...full, ...packer.flush()].map((packed) => sealBatch(packed, delivery.origin))
  // All of them come to their end before the first failure is told: what is still under way uses
  // our sessions.
  const ends = await Promise.allSettled(
    batches.map((batch) => settleBatch(batch, delivery, settle)),
  )
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  return { last: chunk.last, scanned: chunk.scanned, counts, refused }
}
