import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { wireDataset } from '@hq-export/contract'
import { inStep } from '@hq-export/observability/span.ts'
import type { AttemptOutcome, PostOutcome } from '../batch/attempt-outcome.ts'
import type { Batch } from '../batch/batch.ts'
import { compress, type WireBody } from '../batch/compress.ts'
import { DeliveryStoppedError } from '../batch/delivery-stopped.ts'
import { rowsAt } from '../batch/open-batch.ts'
import { sealBatch } from '../batch/seal-batch.ts'
import type { HqSignal } from '../flow-control/circuit-breaker.ts'
import { postBatch } from '../http/post-batch.ts'
import { traceSend, traceWait } from '../tracing/trace-send.ts'
import type { DeliveryContext } from './delivery-context.ts'

/** Pause between attempts while the fault is ours: long, because only an operator can end it. */
export const HALT_PAUSE_MS = 15_000
const MAX_XID = 2 ** 48 - 1
const HEARTBEAT_NUMBER = 0

/** The parts of a delivery that an attempt needs: it neither halts anything nor says so. */
export type AttemptContext = Omit<DeliveryContext, 'onHalt'>

/** Waits for something that ends early, by rejecting, when the relay stops. */
async function unlessStopped(
  name: 'wait for HQ' | 'back off',
  waiting: Promise<void>,
): Promise<void> {
  try {
    await traceWait(name, waiting)
  } catch (cause) {
    throw new DeliveryStoppedError('stopped before an attempt', { cause })
  }
}

/**
 * Waits before the next attempt.
 * @throws {DeliveryStoppedError} when the relay stops first.
 */
export function pause(ms: number, { stopping }: AttemptContext): Promise<void> {
  return unlessStopped('back off', delay(ms, undefined, { signal: stopping }))
}

/** The body of a batch for all of its attempts. */
export function bodyOf(batch: Batch, { compression }: AttemptContext): Promise<WireBody> {
  return inStep('compress', () => compress(batch.body, compression))
}

const HALTED: HqSignal = { kind: 'halted', pauseMs: HALT_PAUSE_MS }

function signalOf(outcome: AttemptOutcome): HqSignal {
  switch (outcome.kind) {
    case 'accepted':
    case 'set_aside':
    case 'split':
      return { kind: 'up' }
    case 'retry':
      return { kind: 'down', retryAfterMs: outcome.retryAfterMs }
    case 'refused':
      return { kind: 'unclear' }
    case 'halt':
      return HALTED
    default:
      return outcome satisfies never
  }
}

/** One POST, when the circuit breaker allows it. */
async function throughBreaker(
  { breaker, rank, stopping }: AttemptContext,
  post: () => Promise<AttemptOutcome>,
  readSignal: (outcome: AttemptOutcome) => HqSignal,
): Promise<AttemptOutcome> {
  const askedAt = performance.now()
  await unlessStopped('wait for HQ', breaker.enter(stopping, rank))
  let signal: HqSignal = { kind: 'up' }
  try {
    const outcome = await post()
    signal = readSignal(outcome)
    return outcome
  } finally {
    breaker.leave(signal, rank, performance.now() - askedAt)
  }
}

async function measured(
  batch: Batch,
  body: WireBody,
  traceparent: string | undefined,
  { pool, keys, sizer, aborting, onAttempt }: AttemptContext,
): Promise<PostOutcome> {
  const post = { batchId: batch.id, rowCount: batch.rowCount, body, traceparent }
  const begin = performance.now()
  const outcome = await postBatch(pool, keys, post, Date.now(), aborting)
  const tookMs = performance.now() - begin
  onAttempt?.(batch, outcome, tookMs / 1000)
  const isSlow = outcome.kind === 'split' && outcome.cause === 'not_in_time'
  if (outcome.kind === 'accepted' || isSlow) sizer.note(batch.rowCount, tookMs)
  return outcome
}

/**
 * One attempt to deliver a batch.
 * @throws {DeliveryStoppedError} when the relay stops before it began.
 */
export function attemptBatch(
  batch: Batch,
  body: WireBody,
  number: number,
  context: AttemptContext,
): Promise<AttemptOutcome> {
  return throughBreaker(
    context,
    () => traceSend(batch, number, (traceparent) => measured(batch, body, traceparent, context)),
    // Where HQ was in trouble before, this is more of it, and asked as seldom.
    (outcome) =>
      outcome.kind === 'refused' && context.breaker.state.isOpen ? HALTED : signalOf(outcome),
  )
}

/**
 * Asks HQ to accept a heartbeat, signed and posted like any batch: the proof that it, and
 * everything on the way, serves others than `failed`. Readiness is none: it says nothing of a POST.
 * Its time is that of a captured row, which no clock of ours has made.
 */
export async function attemptHeartbeat(
  failed: Batch,
  context: AttemptContext,
): Promise<AttemptOutcome> {
  const [row] = rowsAt(failed, [0])
  // The number is only there to make it a batch that HQ has not seen, so that it is written and not
  // remembered.
  const beside = { xid: String(randomInt(1, MAX_XID)), captured_at: row?.capturedAt }
  const text = JSON.stringify({ row: { source_ts: row?.capturedAt }, ...beside })
  const dataset = wireDataset(HEARTBEAT_NUMBER)
  const batch = sealBatch({ dataset, rowCount: 1, texts: [text] }, context.origin)
  const body = await compress(batch.body, context.compression)
  return throughBreaker(
    context,
    () => measured(batch, body, undefined, context),
    (outcome) => (outcome.kind === 'refused' ? HALTED : signalOf(outcome)),
  )
}
