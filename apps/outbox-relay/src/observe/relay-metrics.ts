import { type BatchResult, OUTCOMES } from '@hq-export/contract'
import { createNoopMeter, type Meter } from '@opentelemetry/api'
import type { AttemptOutcome } from '../batch/attempt-outcome.ts'
import type { Batch } from '../batch/batch.ts'
import type { DeadLetter } from '../dead-letter/dead-letter.ts'

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const ROWS = [1, 10, 50, 100, 250, 500, 1000, 2000, 5000]
const BYTES = [1e3, 1e4, 5e4, 1e5, 2.5e5, 5e5, 1e6, 2.5e6, 5e6]

/**
 * What the relay counts while it works. Labels are bounded sets: datasets, outcomes, reason codes.
 */
export interface RelayMetrics {
  /** An attempt has ended. */
  readonly attempted: (batch: Batch, outcome: AttemptOutcome, seconds: number) => void
  /** HQ has decided a batch. */
  readonly settled: (batch: Batch, answer: BatchResult) => void
  /** Rows became dead letters. */
  readonly deadLettered: (letters: readonly DeadLetter[]) => void
  /** A window was delivered; 0 rows for one that was empty. */
  readonly windowDelivered: (rows: number) => void
}

/**
 * Creates the instruments; names by the semantic conventions for messaging where they have one,
 * else `hq.relay.*`.
 */
export function createRelayMetrics(meter: Meter): RelayMetrics {
  const duration = meter.createHistogram('messaging.client.operation.duration', {
    unit: 's',
    description: 'one attempt to deliver a batch, until its answer was read',
    advice: { explicitBucketBoundaries: SECONDS },
  })
  const attempts = meter.createCounter('hq.relay.attempts', {
    unit: '{attempt}',
    description: 'attempts by what their answer meant',
  })
  const rows = meter.createCounter('hq.relay.rows', {
    unit: '{row}',
    description: 'rows that HQ decided, by outcome',
  })
  const batchRows = meter.createHistogram('hq.relay.batch.rows', {
    unit: '{row}',
    description: 'rows of a delivered batch',
    advice: { explicitBucketBoundaries: ROWS },
  })
  const batchSize = meter.createHistogram('hq.relay.batch.size', {
    unit: 'By',
    description: 'size of a delivered batch before compression',
    advice: { explicitBucketBoundaries: BYTES },
  })
  const deadLetters = meter.createCounter('hq.relay.dead_letters', {
    unit: '{row}',
    description: 'rows that became dead letters, by reason',
  })
  const windows = meter.createCounter('hq.relay.windows', {
    unit: '{window}',
    description: 'windows of the outbox, delivered or empty',
  })
  return {
    attempted({ dataset }, outcome, seconds) {
      duration.record(seconds, {
        'messaging.system': 'hq_outbox',
        'messaging.operation.name': 'send',
        'messaging.destination.name': dataset.name,
        ...(outcome.kind !== 'accepted' && { 'error.type': outcome.kind }),
      })
      attempts.add(1, { dataset: dataset.name, result: outcome.kind })
    },
    settled({ dataset, rowCount, body }, { counts }) {
      for (const outcome of OUTCOMES) {
        if (counts[outcome] > 0) rows.add(counts[outcome], { dataset: dataset.name, outcome })
      }
      batchRows.record(rowCount, { dataset: dataset.name })
      batchSize.record(body.length, { dataset: dataset.name })
    },
    deadLettered(letters) {
      for (const { dataset, reason } of letters) deadLetters.add(1, { dataset, reason })
    },
    windowDelivered(count) {
      windows.add(1, { result: count > 0 ? 'delivered' : 'empty' })
    },
  }
}

/** Measures nothing; for whoever has no meter. */
export const NO_METRICS: RelayMetrics = createRelayMetrics(createNoopMeter())
