import type { SigningKey } from '@hq-export/contract'
import type { Pool } from 'undici'
import type { Compression } from '../batch/compress.ts'
import type { Origin } from '../batch/seal-batch.ts'
import type { DeadLetter } from '../dead-letter/dead-letter.ts'
import type { Logger } from '../log.ts'
import type { RelayMetrics } from '../metrics/relay-metrics.ts'
import type { BatchSizer } from './batch-sizer.ts'
import type { Gate } from './gate.ts'

/** The relay is stopping; the batch is unsettled and will be sent again. */
export class DeliveryStoppedError extends Error {
  override readonly name = 'DeliveryStoppedError'
}

/** What a delivery needs; all of it lives as long as the relay's session. */
export interface DeliveryContext {
  readonly pool: Pool
  readonly gate: Gate
  readonly sizer: BatchSizer
  readonly keys: readonly SigningKey[]
  readonly compression: Compression
  readonly origin: Origin
  readonly log: Logger
  readonly metrics: RelayMetrics
  /** No further attempt begins once it is aborted. */
  readonly stopping: AbortSignal
  /** Cuts attempts off that are under way. */
  readonly aborting: AbortSignal
  /** Keeps rows that go no further; they are settled when it resolves. */
  readonly keepDeadLetters: (letters: readonly DeadLetter[]) => Promise<void>
  /** Batches that HQ has accepted so far, of all windows. */
  readonly acceptedBatches: () => number
  /** Called with the rows of every batch that HQ accepted. */
  readonly onAccepted: (rowCount: number) => void
  /** Called with the reason when delivery halts, and with undefined when it goes on. */
  readonly onHalt: (reason: string | undefined) => void
}
