/**
 * Rows per page and batch: HQ's fixed cost per request is spread thin at the top and its limits are
 * far away.
 */
const MAX_ROWS = 2000
const MIN_ROWS = 100
/** An attempt that took longer than this is too large for the HQ of the moment. */
const SLOW_MS = 2_000
/** One that was faster may grow. */
const FAST_MS = 500
const SHRINK = 0.7
const GROW_ROWS = 100

/** Chooses how many rows travel together, by how long HQ takes for them. */
export class BatchSizer {
  #rows = MAX_ROWS

  /** Rows to read and to send at once. */
  get rows(): number {
    return this.#rows
  }

  /** Learns from a batch that HQ has decided. */
  note(rowCount: number, elapsedMs: number): void {
    if (elapsedMs > SLOW_MS) {
      this.#rows = Math.max(MIN_ROWS, Math.floor(Math.min(rowCount, this.#rows) * SHRINK))
    } else if (elapsedMs < FAST_MS && rowCount >= this.#rows) {
      this.#rows = Math.min(MAX_ROWS, this.#rows + GROW_ROWS)
    }
  }
}
