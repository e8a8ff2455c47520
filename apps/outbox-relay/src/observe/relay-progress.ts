import type { CircuitState } from '../flow-control/circuit-breaker.ts'

/** What a relay is doing: for logs, tests and the operator. */
export type RelayState = 'stopped' | 'connecting' | 'standby' | 'working' | 'halted'

/** What a relay has delivered since it was created. */
export interface RelayProgress {
  readonly state: RelayState
  readonly haltReason: string | undefined
  /** Rows that HQ decided, refused ones included. */
  readonly settledRows: number
  readonly settledBatches: number
  /**
   * When the loop last took a tick, in epoch ms: no more than seconds ago in a relay that works,
   * rows or none, unless HQ keeps it waiting, which shows in `breaker`.
   */
  readonly lastTickAtMs: number | undefined
  /** When HQ last decided a batch, in epoch ms. */
  readonly lastSettledAtMs: number | undefined
  /** How attempts go; undefined in a relay that does not work. */
  readonly breaker: CircuitState | undefined
  /** `source_ts` of the newest heartbeat that HQ has committed. */
  readonly heartbeat: string | undefined
  /** When that one was written, as `performance.now()`. */
  readonly heartbeatWrittenAt: number | undefined
  /** By dataset, up to when HQ was told that it has everything, as `performance.now()`. */
  readonly completeThrough: ReadonlyMap<string, number>
}
