import type { Snapshot } from './snapshot.ts'

/**
 * What committed between two snapshots: visible in `to`, not in `from`.
 * Rows with xid >= xmax(from) are by definition invisible in `from`, so a range of the index finds them. The
 * rest are transactions that were open in `from` and have committed since: few, named one by one.
 */
export interface Window {
  readonly from: Snapshot
  readonly to: Snapshot
}
