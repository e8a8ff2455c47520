import type { BatchResult, Counts, SigningKey } from '@hq-export/contract'
import type { Pool } from 'undici'
import type { Batch } from '../batch/batch.ts'
import type { Compression } from '../batch/compress.ts'
import type { Origin } from '../batch/seal-batch.ts'
import type { DeadLetter } from '../dead-letter/dead-letter.ts'
import type { ResentConflicts } from '../dead-letter/resend-conflicts.ts'
import type { RefusedVersion } from '../dead-letter/send-superseded.ts'
import type { BatchSizer } from '../flow-control/batch-sizer.ts'
import type { CircuitBreaker, DeliveryRank } from '../flow-control/circuit-breaker.ts'
import type { Restraint } from '../flow-control/restraint.ts'
import type { DeleteRace } from '../outbox/delete-race.ts'
import type { OutboxRow } from '../outbox/outbox-row.ts'
import type { Logger } from '../process/log.ts'
import type { RelayMetrics } from './delivery-metrics.ts'

/** What a delivery needs; all of it lives as long as the relay's session. */
export interface DeliveryContext {
  readonly pool: Pool
  readonly breaker: CircuitBreaker
  /** Whose batches these are; live changes where it is not said. */
  readonly rank?: DeliveryRank
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
  /** Projects raw rows of failed captures into the outbox; resolves with those that cannot be. */
  readonly projectRawRows: (rows: readonly OutboxRow[]) => Promise<readonly OutboxRow[]>
  /** Keeps rows that go no further; they are settled when it resolves. */
  readonly keepDeadLetters: (letters: readonly DeadLetter[]) => Promise<void>
  /**
   * Sends rows whose version HQ holds with other content again, above it; dead letters of those
   * that it cannot.
   */
  readonly resendConflicts: (letters: readonly DeadLetter[]) => Promise<ResentConflicts>
  /** Rows of an answered batch that the delete of their key has overtaken. */
  readonly findDeleteRaces: (batch: Batch, answer: BatchResult) => Promise<DeleteRace[]>
  /** Sends the entities of such rows again, as they are. */
  readonly repairDeleteRaces: (deleteRaces: readonly DeleteRace[]) => Promise<void>
  /**
   * Sends what refused versions made stay behind; `supersedes` says of the hash of a key whether
   * they did.
   */
  readonly sendSuperseded: (
    refused: readonly RefusedVersion[],
    supersedes: (hash: string) => boolean,
  ) => Promise<void>
  /** What HQ has accepted so far, of all windows, and how far a refusal may be blamed on a row. */
  readonly restraint: Restraint
  /** Called with the rows of every batch that HQ accepted, and what became of them. */
  readonly onAccepted: (rowCount: number, counts: Counts) => void
  /** Called with the reason when delivery halts, and with undefined when it goes on. */
  readonly onHalt: (reason: string | undefined) => void
}
