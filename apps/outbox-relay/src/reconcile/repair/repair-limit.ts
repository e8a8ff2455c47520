/** A cap below this would stop what one lost transaction needs. */
const MIN_KEYS = 1_000
const SHARE = 0.001

/**
 * Keys of a dataset that one reconciliation sends once more at most: more is not a loss to mend in
 * passing, and somebody should look.
 */
export function repairLimit(comparedRows: number): number {
  return Math.max(MIN_KEYS, Math.floor(comparedRows * SHARE))
}
