import { type Counts, emptyCounts, OUTCOMES } from '@hq-export/contract'
import { RowPacker } from '../batch/pack-rows.ts'
import { sealBatch } from '../batch/seal-batch.ts'
import { deliverBatch } from '../delivery/deliver-batch.ts'
import { MAX_BATCH_UNITS } from '../delivery/deliver-window.ts'
import type { DeliveryContext } from '../delivery/delivery-context.ts'
import type { ChunkResult } from './progress.ts'
import type { Chunk } from './read-chunks.ts'

/**
 * Delivers a chunk the way a window is: signed batches, dead letters for what HQ refuses. Resolves
 * when HQ has decided every row of it.
 * @throws {DeliveryStoppedError} when the backfill stops first; the chunk is then sent again.
 */
export async function deliverChunk(chunk: Chunk, delivery: DeliveryContext): Promise<ChunkResult> {
  const counts: Counts = emptyCounts(0)
  let refused = 0
  const counting: DeliveryContext = {
    ...delivery,
    onAccepted(rowCount, batchCounts) {
      counts.received += batchCounts.received
      for (const outcome of OUTCOMES) counts[outcome] += batchCounts[outcome]
      delivery.onAccepted(rowCount, batchCounts)
    },
    async keepDeadLetters(letters) {
      await delivery.keepDeadLetters(letters)
      refused += letters.length
    },
    async resendConflicts(letters) {
      const resent = await delivery.resendConflicts(letters)
      refused += resent.kept
      return resent
    },
  }
  if (chunk.failed.length > 0) await counting.keepDeadLetters(chunk.failed)
  const packer = new RowPacker({ maxRows: delivery.sizer.rows, maxUnits: MAX_BATCH_UNITS })
  const full = chunk.wireRows.flatMap((rows) => packer.add(rows) ?? [])
  const batches = [...full, ...packer.flush()].map((packed) => sealBatch(packed, delivery.origin))
  // All of them come to their end before the first failure is told: what is still under way uses
  // our sessions.
  const ends = await Promise.allSettled(batches.map((batch) => deliverBatch(batch, counting)))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  return { last: chunk.last, scanned: chunk.scanned, counts, refused }
}
