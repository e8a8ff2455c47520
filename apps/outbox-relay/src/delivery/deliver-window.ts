import { datasetByNumber } from '@hq-export/contract'
import type pg from 'pg'
import { RowPacker } from '../batch/pack-rows.ts'
import { type PackedRows, sealBatch } from '../batch/seal-batch.ts'
import type { DeadLetter } from '../dead-letter/dead-letter.ts'
import type { OutboxRow } from '../outbox/outbox-row.ts'
import { readWindow } from '../outbox/read-window.ts'
import type { Window } from '../outbox/window.ts'
import { type DeliveryContext, deliverBatch } from './deliver-batch.ts'
import { InFlight } from './in-flight.ts'

/** Bounds of one read and of one POST; together with the batches in flight they bound the relay's memory. */
export const PAGE_LIMITS = { maxRows: 2000, maxBytes: 2 * 1024 * 1024 }
export const BATCH_LIMITS = { maxRows: 2000, maxUnits: 2 * 1024 * 1024 }
/** Batches under way at once. */
export const MAX_IN_FLIGHT = 4

/** A row that could not be projected in the source's transaction goes no further by itself. */
function captureFailure(row: OutboxRow): DeadLetter {
  const detail =
    row.body === null ? `gap: SQLSTATE ${row.sqlstate}` : `raw row: SQLSTATE ${row.sqlstate}`
  const dataset = datasetByNumber(row.dataset).name
  return { dataset, row, reason: 'capture_failed', detail, batch: null }
}

/**
 * Delivers everything of a window: page by page, a few batches at a time. Resolves when every row is settled, which is what
 * an ack says.
 * @returns rows read.
 */
export async function deliverWindow(
  client: pg.ClientBase,
  window: Window,
  delivery: DeliveryContext,
): Promise<number> {
  const packer = new RowPacker(BATCH_LIMITS)
  const inFlight = new InFlight(MAX_IN_FLIGHT)
  let rowCount = 0
  async function send(packed: PackedRows): Promise<void> {
    const batch = sealBatch(packed, delivery.origin)
    await inFlight.add(() => deliverBatch(batch, delivery))
  }
  try {
    for await (const page of readWindow(client, window, PAGE_LIMITS)) {
      rowCount += page.rowCount
      if (page.failed.length > 0) await delivery.keepDeadLetters(page.failed.map(captureFailure))
      for (const rows of page.wireRows) {
        const packed = packer.add(rows)
        if (packed !== undefined) await send(packed)
      }
    }
    for (const packed of packer.flush()) await send(packed)
  } finally {
    await inFlight.drain()
  }
  return rowCount
}
