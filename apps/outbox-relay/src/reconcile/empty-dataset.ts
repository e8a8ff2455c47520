import {
  type DatasetReconciliation,
  FINDING_CLASSES,
  REPAIR_STATES,
  type ReconciliationState,
} from '@hq-export/contract'
import type { ReconcileCost } from './reconcile-context.ts'

/** Characters of a reason. */
export const MAX_REASON_CHARS = 200

/** Counts of 0. */
export function noCounts<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>
}

/** A dataset of which nothing was compared. */
export function emptyDataset(
  dataset: string,
  state: ReconciliationState,
  reason: string | null,
): DatasetReconciliation {
  return {
    dataset,
    state,
    reason: reason?.slice(0, MAX_REASON_CHARS) ?? null,
    algorithm: null,
    spec: null,
    source_rows: 0,
    hq_rows: 0,
    in_flight: 0,
    coverage: 0,
    findings: noCounts(FINDING_CLASSES),
    repairs: noCounts(REPAIR_STATES),
    nulls: {},
    statuses: {},
    duration_ms: 0,
  }
}

/** What a dataset cost of which nothing was compared. */
export function emptyCost(dataset: string): ReconcileCost {
  return {
    dataset,
    ranges: 0,
    sourceSeconds: 0,
    fenceSeconds: 0,
    hqSeconds: 0,
    dirtyBuckets: 0,
    rechecked: 0,
    capReached: false,
    oldestRangeSeconds: null,
  }
}
