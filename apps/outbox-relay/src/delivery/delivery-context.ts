import type { SigningKey } from '@hq-export/contract'
import type { Pool } from 'undici'
import type { AttemptOutcome } from '../batch/attempt-outcome.ts'
import type { Batch } from '../batch/batch.ts'
import type { Compression } from '../batch/compress.ts'
import type { Origin } from '../batch/seal-batch.ts'
import type { BatchSizer } from '../flow-control/batch-sizer.ts'
import type { CircuitBreaker } from '../flow-control/circuit-breaker.ts'
import type { DeliveryRank } from '../flow-control/concurrency-limit.ts'
import type { Restraint } from '../flow-control/restraint.ts'
import type { Logger } from '../process/log.ts'

/** What a delivery needs; all of it lives as long as the relay's session. */
export interface DeliveryContext {
  readonly pool: Pool
  readonly breaker: CircuitBreaker
  /** Whose batches these are; live changes where it is not said. */
  readonly rank?: DeliveryRank
  readonly sizer: BatchSizer
  /** What HQ has accepted so far, of all windows, and how far a refusal may be blamed on a row. */
  readonly restraint: Restraint
  readonly keys: readonly SigningKey[]
  readonly compression: Compression
  readonly origin: Origin
  readonly log: Logger
  /** No further attempt begins once it is aborted. */
  readonly stopping: AbortSignal
  /** Cuts attempts off that are under way. */
  readonly aborting: AbortSignal
  /** Called after every attempt, with the seconds it took. */
  readonly onAttempt?: (batch: Batch, outcome: AttemptOutcome, seconds: number) => void
  /** Called with the reason when delivery halts, and with undefined when it goes on. */
  readonly onHalt: (reason: string | undefined) => void
}
