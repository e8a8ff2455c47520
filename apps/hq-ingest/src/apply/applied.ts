import type { RowResult } from '@hq-export/contract'
import type { AcceptedRow, RefusedRow } from './batch-row.ts'

/** What came of the rows that were offered to HQ; every one of them is counted or listed once. */
export interface Applied {
  inserted: number
  updated: number
  /** Successes that changed nothing: duplicate, stale, superseded. */
  readonly unchanged: RowResult[]
  /** Rows that only HQ could refuse. */
  readonly refused: RefusedRow[]
}

/** Nothing offered yet. */
export function nothingApplied(): Applied {
  return { inserted: 0, updated: 0, unchanged: [], refused: [] }
}

/** Adds what came of further rows. */
export function addApplied(total: Applied, part: Applied): void {
  total.inserted += part.inserted
  total.updated += part.updated
  total.unchanged.push(...part.unchanged)
  total.refused.push(...part.refused)
}

/** Lists a row that changed nothing. */
export function unchanged(
  row: AcceptedRow,
  outcome: 'duplicate' | 'stale' | 'superseded',
): RowResult {
  return { index: row.index, key: row.key, outcome }
}

/** Where a batch came from, for the housekeeping columns. */
export interface Origin {
  readonly source: string
  readonly batch: string
  readonly epoch: string | undefined
}
