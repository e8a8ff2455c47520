import type { BatchResult, RowCode } from '@hq-export/contract'
import type { AcceptedRow, RefusedRow } from '../apply/batch-row.ts'
import { delayOf } from '../profile/batch-profile.ts'
import { countRows } from '../profile/count-rows.ts'
import { findProfilePlan } from '../profile/profile-plan.ts'
import { addTo, noCounts, type StoredProfile } from '../profile/row-counts.ts'
import type { IncomingBatch } from './incoming-batch.ts'

/** What is not of the rows that HQ has got, but of all of them. */
function besides(
  { capturedAt: [first], rowCount }: Pick<IncomingBatch, 'capturedAt' | 'rowCount'>,
  { inserted, updated }: Pick<BatchResult['counts'], 'inserted' | 'updated'>,
  refused: readonly { readonly code: RowCode }[],
  deletes: number,
  nowMs: number,
): StoredProfile {
  const codes = noCounts()
  for (const { code } of refused) addTo(codes, code, 1)
  const delays = noCounts()
  if (rowCount > 0) addTo(delays, delayOf(first, nowMs), inserted + updated)
  return {
    ...(refused.length > 0 && { refused: codes }),
    ...(deletes > 0 && { deletes }),
    ...(inserted + updated > 0 && { delays }),
  }
}

function isDeleted({ deleted }: { readonly deleted?: boolean | undefined }): boolean {
  return deleted === true
}

/** The profile of rows that were read one by one; `answer` says which of them HQ has got. */
export function profileOfRows(
  batch: Pick<IncomingBatch, 'head' | 'capturedAt' | 'rowCount'>,
  accepted: readonly AcceptedRow[],
  refused: readonly RefusedRow[],
  { counts, rows }: Pick<BatchResult, 'counts' | 'rows'>,
  deletes: number,
  nowMs: number,
): StoredProfile | undefined {
  const plan = findProfilePlan(batch.head.dataset)
  if (plan === undefined) return undefined
  const others = new Set(rows.map(({ index }) => index))
  const written = accepted.filter(({ index }) => !others.has(index))
  return {
    ...countRows(plan, written, nowMs).toStored(),
    ...besides(batch, counts, refused, deletes, nowMs),
  }
}

/**
 * What is kept of a batch beside its answer (contract, Data Quality Checks). Counts what is new in
 * HQ, so the profiles of all batches add up to what HQ holds.
 * @returns undefined of a heartbeat.
 */
export async function profileBatch(
  batch: IncomingBatch,
  answer: BatchResult,
  refused: readonly RefusedRow[],
  nowMs: number = Date.now(),
): Promise<StoredProfile | undefined> {
  const { counts } = answer
  const { prepared } = batch
  if (prepared !== undefined && counts.inserted + counts.updated === batch.rowCount) {
    const written = prepared.countRows(nowMs).toStored()
    return { ...written, ...besides(batch, counts, refused, prepared.deleted, nowMs) }
  }
  const { batch: decoded, rows } = await batch.read()
  const deletes = decoded.envelope.rows.filter(isDeleted).length
  return profileOfRows(batch, rows.accepted, refused, answer, deletes, nowMs)
}
