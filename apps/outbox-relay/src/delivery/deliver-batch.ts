import { setTimeout as delay } from 'node:timers/promises'
import { type BatchAnswer, PROBLEMS, type SigningKey } from '@hq-export/contract'
import { SpanStatusCode } from '@opentelemetry/api'
import type { Pool } from 'undici'
import type { Batch } from '../batch/batch.ts'
import { type Compression, compress } from '../batch/compress.ts'
import { halvesOf, rowsAt } from '../batch/open-batch.ts'
import { type Origin, sealBatch } from '../batch/seal-batch.ts'
import type { DeadLetter } from '../dead-letter/dead-letter.ts'
import type { Logger } from '../log.ts'
import { withSendSpan } from '../tracing.ts'
import { backoffMs } from './backoff.ts'
import type { AttemptOutcome } from './classify.ts'
import { postBatch } from './post-batch.ts'

/** Pause between attempts while the fault is ours: long, because only an operator can end it. */
const HALT_PAUSE_MS = 15_000

/** The relay is stopping; the batch is unsettled and will be sent again. */
export class DeliveryStoppedError extends Error {
  override readonly name = 'DeliveryStoppedError'
}

/** What a delivery needs; all of it lives as long as the relay's session. */
export interface DeliveryContext {
  readonly pool: Pool
  readonly keys: readonly SigningKey[]
  readonly compression: Compression
  readonly origin: Origin
  readonly log: Logger
  /** No further attempt begins once it is aborted. */
  readonly stopping: AbortSignal
  /** Cuts attempts off that are under way. */
  readonly aborting: AbortSignal
  /** Keeps rows that HQ refused; the batch is settled when it resolves. */
  readonly keepDeadLetters: (letters: readonly DeadLetter[]) => Promise<void>
  readonly onSettled: (batch: Batch, answer: BatchAnswer) => void
  /** Called with the reason when delivery halts, and with undefined when it goes on. */
  readonly onHalt: (reason: string | undefined) => void
}

async function pause(ms: number, stopping: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal: stopping })
  } catch (cause) {
    throw new DeliveryStoppedError('stopped between attempts', { cause })
  }
}

/** The rows that HQ refused for good, with its reasons. */
function refusedRows(batch: Batch, answer: BatchAnswer): DeadLetter[] {
  const refused = answer.rows.filter(({ outcome }) => outcome === 'quarantined')
  if (refused.length === 0) return []
  const rows = rowsAt(
    batch,
    refused.map(({ index }) => index),
  )
  return refused.flatMap((result, position): DeadLetter[] => {
    const row = rows[position]
    if (row === undefined) return []
    return [
      {
        dataset: batch.dataset.name,
        row,
        reason: result.code ?? 'unknown',
        detail: result.detail ?? null,
        batch: batch.id,
      },
    ]
  })
}

async function attempt(batch: Batch, number: number, delivery: DeliveryContext) {
  const body = await compress(batch.body, delivery.compression)
  return withSendSpan(batch, number, async (traceparent, span) => {
    const post = { batchId: batch.id, rowCount: batch.rowCount, body, traceparent }
    const outcome = await postBatch(
      delivery.pool,
      delivery.keys,
      post,
      Date.now(),
      delivery.aborting,
    )
    if (outcome.kind !== 'accepted') {
      span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.reason })
    }
    return outcome
  })
}

async function settle(batch: Batch, answer: BatchAnswer, delivery: DeliveryContext): Promise<void> {
  const letters = refusedRows(batch, answer)
  if (letters.length > 0) {
    await delivery.keepDeadLetters(letters)
    delivery.log.warn(
      { dataset: batch.dataset.name, batch: batch.id, rows: letters.length },
      'HQ refused rows; kept as dead letters',
    )
  }
  delivery.onSettled(batch, answer)
}

async function deliverHalves(batch: Batch, reason: string, delivery: DeliveryContext) {
  if (batch.rowCount === 1) {
    const detail = `${PROBLEMS.too_large.title}: ${batch.body.length} bytes`
    const [row] = rowsAt(batch, [0])
    if (row === undefined) throw new Error('a batch has a row')
    const letter = {
      dataset: batch.dataset.name,
      row,
      reason: 'too_large',
      detail,
      batch: batch.id,
    }
    await delivery.keepDeadLetters([letter])
    delivery.log.warn({ dataset: batch.dataset.name, reason }, 'row too large; kept as dead letter')
    return
  }
  for (const half of halvesOf(batch)) {
    await deliverBatch(sealBatch(half, delivery.origin), delivery)
  }
}

function pauseAfter(
  outcome: Extract<AttemptOutcome, { kind: 'retry' | 'halt' }>,
  number: number,
): number {
  return outcome.kind === 'halt' ? HALT_PAUSE_MS : backoffMs(number, outcome.retryAfterMs)
}

/**
 * Delivers a batch until HQ has decided every row of it: resolves when the batch is settled, however long HQ is away.
 * @throws {DeliveryStoppedError} when the relay stops first; nothing is lost, the window is not acked.
 */
export async function deliverBatch(batch: Batch, delivery: DeliveryContext): Promise<void> {
  for (let number = 1; ; number++) {
    if (delivery.stopping.aborted) throw new DeliveryStoppedError('stopped before an attempt')
    const outcome = await attempt(batch, number, delivery)
    switch (outcome.kind) {
      case 'accepted':
        delivery.onHalt(undefined)
        return settle(batch, outcome.answer, delivery)
      case 'split':
        return deliverHalves(batch, outcome.reason, delivery)
      case 'retry':
      case 'halt': {
        const facts = {
          dataset: batch.dataset.name,
          batch: batch.id,
          attempt: number,
          reason: outcome.reason,
        }
        if (outcome.kind === 'halt') {
          delivery.onHalt(outcome.reason)
          delivery.log.error(
            facts,
            'delivery halted: check HQ_INGEST_URL, HQ_SIGNING_SECRET, clock',
          )
        } else {
          delivery.log.warn(facts, 'HQ did not take the batch; trying again')
        }
        await pause(pauseAfter(outcome, number), delivery.stopping)
        break
      }
      default:
        return outcome satisfies never
    }
  }
}
