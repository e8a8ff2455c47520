import { datasetByNumber } from '@hq-export/contract'
import type pg from 'pg'
import {
  acknowledgeOutcome,
  keepDeadLetters,
  repairDeleteRaces,
  type Settlement,
} from '../acknowledge/acknowledge-outcome.ts'
import { type Settle, settleBatch } from '../acknowledge/settle-batch.ts'
import type { WindowOutcomes } from '../balance/window-outcomes.ts'
import { MAX_BATCH_BYTES, type Pack, RowPacker } from '../batch/pack-rows.ts'
import { sealBatch } from '../batch/seal-batch.ts'
import type { DeadLetter } from '../dead-letter/dead-letter.ts'
import {
  type RefusedVersion,
  refusedVersions,
  sendSuperseded,
} from '../dead-letter/send-superseded.ts'
import type { DeliveryContext } from '../delivery/delivery-context.ts'
import { InFlight, MAX_IN_FLIGHT } from '../flow-control/in-flight.ts'
import { NewestVersions } from '../outbox/newest-versions.ts'
import type { OutboxRow } from '../outbox/outbox-row.ts'
import type { OversizedRow } from '../outbox/read-page.ts'
import { readWindow, type Window } from '../outbox/read-window.ts'
import { tooLargeDetail } from '../outbox/row-size.ts'
import { projectRawRows } from '../reexport/project-raw-rows.ts'
import { tracePages } from '../tracing/trace-pages.ts'

/**
 * Bytes of one read; one row may exceed them alone, by what HQ takes of a row. Together with the
 * batches in flight it bounds the relay's memory.
 */
export const MAX_PAGE_BYTES = 2 * 1024 * 1024

/** What became of a window. */
export interface DeliveredWindow {
  /** Rows that were read. */
  readonly rowCount: number
  /** How long its pages were waited for, in milliseconds. */
  readonly readMs: number
}

/** What the delivery of windows needs, for as long as the relay's session lives. */
export interface WindowContext extends DeliveryContext {
  readonly settlement: Settlement
  readonly metrics: { readonly windowDelivered: (rows: number) => void }
}

/**
 * A row that can be projected neither in the source's transaction nor by itself goes no further.
 */
function captureFailure(row: OutboxRow): DeadLetter {
  const detail =
    row.body === null ? `gap: SQLSTATE ${row.sqlstate}` : `raw row: SQLSTATE ${row.sqlstate}`
  const dataset = datasetByNumber(row.dataset).name
  return { dataset, row, reason: 'capture_failed', detail, batch: null }
}

/**
 * A row that HQ would not take, or a raw row beyond what is looked into; its body stays in the
 * outbox.
 */
function tooLarge({ bytes, ...row }: OversizedRow): DeadLetter {
  const dataset = datasetByNumber(row.dataset).name
  if (row.sqlstate === null)
    return { dataset, row, reason: 'too_large', detail: tooLargeDetail(bytes), batch: null }
  const rawRow = `a raw row of ${bytes} bytes, which was not kept`
  const detail = `gap: SQLSTATE ${row.sqlstate}, and ${rawRow}`
  return { dataset, row, reason: 'capture_failed', detail, batch: null }
}

/** UTC day of its capture. */
function dayOf({ capturedAt }: OutboxRow): string {
  return capturedAt.slice(0, 'YYYY-MM-DD'.length)
}

async function settleOversized(
  oversized: readonly OversizedRow[],
  { settlement, log }: WindowContext,
  outcomes: WindowOutcomes,
): Promise<void> {
  await keepDeadLetters(oversized.map(tooLarge), settlement)
  for (const row of oversized) outcomes.add(dayOf(row), row.dataset, 'refused', 1)
  const bytes = Math.max(...oversized.map((row) => row.bytes))
  log.warn({ rows: oversized.length, bytes }, 'rows are too large; kept as dead letters')
}

async function settleFailed(
  failed: readonly OutboxRow[],
  { settlement, log }: WindowContext,
  outcomes: WindowOutcomes,
): Promise<void> {
  const unprojected = await settlement.transact((client) => projectRawRows(client, failed))
  if (unprojected.length < failed.length) settlement.onSentAgain?.()
  log.warn(
    { rows: failed.length, projected: failed.length - unprojected.length },
    'captures failed; the raw rows were projected by themselves, or are dead letters',
  )
  if (unprojected.length > 0) await keepDeadLetters(unprojected.map(captureFailure), settlement)
  // What was projected is in the outbox once more, in place of the raw row.
  const refused = new Set(unprojected)
  for (const row of failed) {
    outcomes.add(dayOf(row), row.dataset, refused.has(row) ? 'refused' : 'superseded', 1)
  }
}

/**
 * Delivers everything of a window: page by page, a few batches at a time. Resolves when every row
 * is settled, which is what an ack says.
 * @param outcomes told what becomes of each row.
 */
export async function deliverWindow(
  client: pg.ClientBase,
  window: Window,
  context: WindowContext,
  outcomes: WindowOutcomes,
): Promise<DeliveredWindow> {
  const { settlement, log } = context
  const maxRows = context.sizer.rows
  const packer = new RowPacker({ maxRows, maxBytes: MAX_BATCH_BYTES })
  const pageLimits = { maxRows, maxBytes: MAX_PAGE_BYTES }
  const inFlight = new InFlight(MAX_IN_FLIGHT)
  const newest = new NewestVersions()
  const refused: RefusedVersion[] = []
  const settleOf =
    (day: string): Settle =>
    async (batch, outcome) => {
      const { letters } = await acknowledgeOutcome(batch, outcome, settlement)
      outcomes.decided(day, batch, outcome)
      for (const version of refusedVersions(letters)) refused.push(version)
    }
  let rowCount = 0
  let readMs = 0
  async function send(packed: Pack): Promise<void> {
    const { day } = packed
    if (day === undefined) throw new RangeError('rows of the outbox have a day')
    const batch = sealBatch(packed, context.origin)
    await inFlight.add(() => settleBatch(batch, context, settleOf(day)))
  }
  try {
    let askedAt = performance.now()
    for await (const page of tracePages(readWindow(client, window, pageLimits, newest))) {
      readMs += performance.now() - askedAt
      rowCount += page.rowCount
      if (page.deleteRaces.length > 0) await repairDeleteRaces(page.deleteRaces, settlement)
      if (page.oversized.length > 0) await settleOversized(page.oversized, context, outcomes)
      if (page.failed.length > 0) await settleFailed(page.failed, context, outcomes)
      for (const { day, dataset, rowCount: behind } of page.superseded)
        outcomes.add(day, dataset, 'superseded', behind)
      for (const rows of page.wireRows) {
        const packed = packer.add(rows)
        if (packed !== undefined) await send(packed)
      }
      askedAt = performance.now()
    }
    readMs += performance.now() - askedAt
    for (const packed of packer.flush()) await send(packed)
  } finally {
    await inFlight.drain()
  }
  // Only now is it known of every version whether it stayed behind; the ack waits for it.
  if (refused.length > 0) {
    const supersedes = (hash: string) => newest.supersedes(hash)
    const sent = await settlement.transact((beside) => sendSuperseded(beside, refused, supersedes))
    if (sent > 0) {
      settlement.onSentAgain?.()
      log.info({ sent }, 'sent what refused versions had superseded')
    }
  }
  return { rowCount, readMs }
}
