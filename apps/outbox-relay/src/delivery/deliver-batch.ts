import { setTimeout as delay } from 'node:timers/promises'
import { freeMemory } from '@hq-export/program/free-memory.ts'
import { inStep } from '@hq-export/tracing/span.ts'
import type { Batch } from '../batch/batch.ts'
import { compress, type WireBody } from '../batch/compress.ts'
import { halvesOf } from '../batch/open-batch.ts'
import { sealBatch } from '../batch/seal-batch.ts'
import { traceBatch, traceWait } from '../tracing/batch-trace.ts'
import { traceArrival } from '../tracing/trace-arrival.ts'
import { traceSend } from '../tracing/trace-send.ts'
import { askReady } from './ask-ready.ts'
import { backoffMs } from './backoff.ts'
import type { AttemptOutcome } from './classify.ts'
import { type DeliveryContext, DeliveryStoppedError } from './delivery-context.ts'
import type { HqSignal } from './gate.ts'
import { postBatch } from './post-batch.ts'
import { settleBatch, settleLoneRow } from './settle-batch.ts'
import { Suspicion } from './suspicion.ts'

/** Pause between attempts while the fault is ours: long, because only an operator can end it. */
const HALT_PAUSE_MS = 15_000

/** Waits for something that ends early, by rejecting, when the relay stops. */
async function unlessStopped<T>(waiting: Promise<T>): Promise<T> {
  try {
    return await waiting
  } catch (cause) {
    throw new DeliveryStoppedError('stopped before an attempt', { cause })
  }
}

function signalOf(outcome: AttemptOutcome): HqSignal {
  switch (outcome.kind) {
    case 'accepted':
    case 'split':
      return { kind: 'up' }
    case 'retry':
      return { kind: 'down', retryAfterMs: outcome.retryAfterMs }
    case 'halt':
      return { kind: 'halted', pauseMs: HALT_PAUSE_MS }
    default:
      return outcome satisfies never
  }
}

/** One attempt, when the gate allows it. */
async function attempt(
  batch: Batch,
  body: WireBody,
  number: number,
  delivery: DeliveryContext,
): Promise<AttemptOutcome> {
  const { pool, keys, gate, rank, sizer, metrics, stopping, aborting } = delivery
  const askedAt = performance.now()
  await unlessStopped(traceWait('wait for HQ', gate.enter(stopping, rank)))
  let signal: HqSignal = { kind: 'up' }
  try {
    return await traceSend(batch, number, async (traceparent) => {
      const post = { batchId: batch.id, rowCount: batch.rowCount, body, traceparent }
      const begin = performance.now()
      const outcome = await postBatch(pool, keys, post, Date.now(), aborting)
      signal = signalOf(outcome)
      const tookMs = performance.now() - begin
      metrics.attempted(batch, outcome, tookMs / 1000)
      if (outcome.kind === 'accepted') sizer.note(batch.rowCount, tookMs)
      return outcome
    })
  } finally {
    gate.leave(signal, rank, performance.now() - askedAt)
  }
}

function report(
  outcome: Extract<AttemptOutcome, { kind: 'retry' | 'halt' }>,
  batch: Batch,
  number: number,
  { log, onHalt }: DeliveryContext,
): void {
  const { reason } = outcome
  const facts = { dataset: batch.dataset.name, batch: batch.id, attempt: number, reason }
  if (outcome.kind === 'halt') {
    onHalt(reason)
    log.error(facts, 'delivery halted: check HQ_INGEST_URL, HQ_SIGNING_SECRET, clock')
  } else {
    log.warn(facts, 'HQ did not take the batch; trying again')
  }
}

/** Delivers the rows of a batch in two, or gives up on its only row. */
async function deliverInHalves(
  batch: Batch,
  reason: 'too_large' | 'unanswered',
  detail: string,
  delivery: DeliveryContext,
): Promise<void> {
  if (batch.rowCount === 1) return settleLoneRow(batch, reason, detail, delivery)
  for (const half of halvesOf(batch)) {
    await deliverBatch(sealBatch(half, delivery.origin), delivery)
  }
}

/**
 * Delivers a batch until HQ has decided every row of it: resolves when the batch is settled, however long HQ is away. Its body is
 * gone then.
 *
 * A batch that HQ finds too large is cut in two. So is one that keeps killing its requests while HQ serves others, until the
 * row that does it is alone and a dead letter.
 * @throws {DeliveryStoppedError} when the relay stops first; nothing is lost, the window is not acked.
 */
export async function deliverBatch(batch: Batch, delivery: DeliveryContext): Promise<void> {
  await traceBatch(batch, () => deliverUntilSettled(batch, delivery))
  // Where it is posted as it is, a socket may still write from it.
  if (delivery.compression !== 'none') freeMemory(batch.body)
}

async function deliverUntilSettled(batch: Batch, delivery: DeliveryContext): Promise<void> {
  const body = await inStep('compress', () => compress(batch.body, delivery.compression))
  const suspicion = new Suspicion()
  for (let number = 1; ; number++) {
    const outcome = await attempt(batch, body, number, delivery)
    switch (outcome.kind) {
      case 'accepted':
        delivery.onHalt(undefined)
        traceArrival(batch, outcome.answer)
        return settleBatch(batch, outcome.answer, delivery)
      case 'split': {
        const detail = `${outcome.reason}: ${batch.body.length} bytes`
        return deliverInHalves(batch, 'too_large', detail, delivery)
      }
      case 'halt':
        report(outcome, batch, number, delivery)
        break
      case 'retry': {
        report(outcome, batch, number, delivery)
        const accepted = delivery.acceptedBatches()
        suspicion.note(outcome, accepted)
        const isReady = () => askReady(delivery.pool, delivery.aborting)
        if (await suspicion.isConfirmed(accepted, isReady)) {
          delivery.gate.proveUp()
          return deliverInHalves(batch, 'unanswered', outcome.reason, delivery)
        }
        const pause = delay(backoffMs(number, outcome.retryAfterMs), undefined, {
          signal: delivery.stopping,
        })
        await unlessStopped(traceWait('back off', pause))
        break
      }
      default:
        return outcome satisfies never
    }
  }
}
