/** Keeps a workload at its rate, and makes its bulk transactions larger where it falls behind. */
export interface Pace {
  /** Milliseconds to wait before writing more; 0 while the workload is not ahead of its rate. */
  waitMs(): number
  /** Rows that a bulk transaction may write now. */
  bulkRows(): number
}

const MIN_BULK_ROWS = 20
const MAX_BULK_ROWS = 400
/** A writer looks again after this long at most: others may have been rolled back meanwhile. */
const MAX_WAIT_MS = 100

/**
 * @param rowsPerSecond what is aimed at, and not exceeded for long.
 * @param committedRows rows so far.
 * @param elapsedMs milliseconds since the workload began.
 */
export function createPace(
  rowsPerSecond: number,
  committedRows: () => number,
  elapsedMs: () => number,
): Pace {
  const aheadRows = () => committedRows() - (elapsedMs() / 1000) * rowsPerSecond
  return {
    waitMs() {
      const waitMs = (aheadRows() / rowsPerSecond) * 1000
      return Math.min(MAX_WAIT_MS, Math.max(0, waitMs))
    },
    bulkRows() {
      // On time, a bulk transaction is a twentieth of a second's rows; what is missing comes on
      // top.
      const rows = Math.round(rowsPerSecond / 20 + Math.max(0, -aheadRows()) / 10)
      return Math.min(MAX_BULK_ROWS, Math.max(MIN_BULK_ROWS, rows))
    },
  }
}
