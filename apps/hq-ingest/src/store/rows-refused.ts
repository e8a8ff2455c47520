import type { RefusedRow } from '../apply/batch-row.ts'
import { Refusal } from '../refusal/refusal.ts'

/** Rows that the problem names; the others are counted. */
const MAX_ERRORS = 100

/**
 * The refusal of a batch that was to be taken whole or not at all, with the rows at fault (RFC
 * 9457, 3).
 */
export function rowsRefused(refused: readonly RefusedRow[]): Refusal {
  const errors = refused
    .toSorted((a, b) => a.index - b.index)
    .slice(0, MAX_ERRORS)
    .map(({ pointer, code, detail }) => ({ pointer, code, detail }))
  return new Refusal('rows_refused', `${refused.length} rows were refused, nothing is written`, {
    members: { errors },
  })
}
