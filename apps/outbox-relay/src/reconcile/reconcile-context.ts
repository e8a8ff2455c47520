import type { Dataset, DigestScope, Finding, Reconciliation, SigningKey } from '@hq-export/contract'
import type { Pool } from 'undici'
import type { Logger } from '../process/log.ts'
import type { ReadUnder } from './compare/read-under.ts'

/** Whom a reconciliation asks; the caller owns all of it, and closes it. */
export interface ReconcileContext {
  readonly databaseUrl: string
  /** Requests to HQ. */
  readonly pool: Pool
  readonly keys: readonly SigningKey[]
  readonly source: string
  readonly log: Logger
  /** Once it is aborted nothing more is read: what was not compared by then is `undecided`. */
  readonly stopping: AbortSignal
  /**
   * How long the relay may take to deliver what a snapshot shows, and HQ to answer, before it cannot
   * be told what differs; 30 s by default.
   */
  readonly patienceMs?: number
  readonly onProgress?: (progress: ReconcileProgress) => void
}

/** What is compared, and what may be done about it. */
export interface ReconcileRequest {
  /** A uuid. */
  readonly id: string
  readonly kind: Reconciliation['kind']
  /** All that are bound where it is null. */
  readonly datasets: readonly Dataset[] | null
  readonly scope: DigestScope
  /**
   * `auto`: what is missing or stale in HQ is sent once more, if it is not too much. `all`: also
   * other content under the same version.
   */
  readonly repair: 'off' | 'auto' | 'all'
  /** Keys per dataset that are sent once more at most; max(1000, 0.1 % of the rows) by default. */
  readonly repairLimit?: number
  /**
   * Longest time, in seconds. Ranges that were not compared by then count against the coverage,
   * unless `rotation` leaves them for another day.
   */
  readonly maxSeconds?: number
  /**
   * True: of a dataset that takes over a minute only the ranges that were compared longest ago,
   * enough of them that all are compared within 28 days. False or absent: everything in scope.
   */
  readonly rotation?: boolean
  /** Rows of a range; only tests have reasons for another number. */
  readonly rangeRows?: number
}

/** Where a reconciliation is; told at each range, at most a few times a second. */
export interface ReconcileProgress {
  readonly dataset: string
  readonly phase: 'scan' | 'fence' | 'compare' | 'recheck' | 'repair'
  /** Rows of the source that were compared, of about how many (null where nobody knows). */
  readonly rows: number
  readonly estimatedRows: number | null
  readonly findings: number
}

/** What a reconciliation cost, beside what it found; for the log and the metrics. */
export interface ReconcileCost {
  readonly dataset: string
  readonly ranges: number
  readonly sourceSeconds: number
  /** Waiting for the relay to have delivered what the snapshots show. */
  readonly fenceSeconds: number
  readonly hqSeconds: number
  /** Buckets that were read row by row. */
  readonly dirtyBuckets: number
  /** Keys that were read once more. */
  readonly rechecked: number
  /** True where more was found than may be sent once more: nothing of it was sent. */
  readonly capReached: boolean
  /** First and last snapshot of the source, and of HQ; null or absent where nobody knows. */
  readonly sourceSnapshots?: ReadUnder | null
  readonly hqSnapshots?: ReadUnder | null
  /** The gateway's program. */
  readonly hqVersion?: string | null
  /** Of the whole dataset; null where it was never compared as a whole. */
  readonly oldestRangeSeconds: number | null
}

/** A reconciliation that has ended. */
export interface ReconcileResult {
  readonly reconciliation: Reconciliation
  readonly cost: readonly ReconcileCost[]
}

/** What became of one key that was compared by itself. */
export interface KeyVerdict {
  readonly key: string
  /**
   * `unknown`: it is still on its way, or waits in the settle list, so that it cannot be told yet.
   */
  readonly verdict: 'equal' | 'unknown' | 'finding'
  /** Of a `finding`. */
  readonly finding: Finding | null
}

/** What became of keys that were compared by themselves. */
export interface KeyComparison {
  readonly verdicts: readonly KeyVerdict[]
  /** Why nothing could be told of the keys that have no verdict; null where each has one. */
  readonly undecided: string | null
}
