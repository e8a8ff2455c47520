import { type BatchResult, emptyCounts, type RowResult } from '@hq-export/contract'
import type { Applied } from '../apply/applied.ts'
import type { RefusedRow } from '../apply/batch-row.ts'

/**
 * The body of the 200: counts of every outcome, and each row that was neither inserted nor updated.
 */
export function answerOf(
  batch: string,
  received: number,
  applied: Applied,
  refused: readonly RefusedRow[],
): BatchResult {
  const counts = emptyCounts(received)
  counts.inserted = applied.inserted
  counts.updated = applied.updated
  counts.quarantined = refused.length
  for (const { outcome } of applied.unchanged) counts[outcome]++

  const rows = [
    ...applied.unchanged,
    ...refused.map(
      ({ index, key, code, pointer, detail }): RowResult => ({
        index,
        key,
        outcome: 'quarantined',
        code,
        pointer,
        detail,
      }),
    ),
  ].sort((a, b) => a.index - b.index)

  const settled = counts.inserted + counts.updated + rows.length
  if (settled !== received) throw new Error(`${settled} of ${received} rows have an outcome`)
  return { batch, status: refused.length > 0 ? 'partial' : 'applied', counts, rows }
}
