import { setTimeout as delay } from 'node:timers/promises'
import { inStep } from '@hq-export/observability/span.ts'
import { freeMemory } from '@hq-export/runtime/free-memory.ts'
import type { AttemptOutcome, Blame } from '../batch/attempt-outcome.ts'
import type { Batch } from '../batch/batch.ts'
import { compress } from '../batch/compress.ts'
import { halvesOf } from '../batch/open-batch.ts'
import { sealBatch } from '../batch/seal-batch.ts'
import { NOT_IN_TIME } from '../dead-letter/dead-letter.ts'
import { backoffMs } from '../flow-control/backoff.ts'
import { PoisonDetector, type Verdict } from '../flow-control/poison-detector.ts'
import { traceBatch, traceWait } from '../tracing/batch-trace.ts'
import { traceDelivered } from '../tracing/trace-arrival.ts'
import { acknowledgeBatch, deadLetterLoneRow, type LoneReason } from './acknowledge-batch.ts'
import { attemptBatch, attemptHeartbeat, HALT_PAUSE_MS, unlessStopped } from './attempt.ts'
import type { DeliveryContext } from './delivery-context.ts'

/** An attempt that did not end in a decision of HQ. */
type Failure = Exclude<AttemptOutcome, { kind: 'accepted' }>

/** A batch until it is settled. */
interface Trial {
  readonly batch: Batch
  readonly delivery: DeliveryContext
  readonly poison: PoisonDetector
  /** Batches of the dataset that HQ had accepted when the rows were first tried. */
  readonly acceptedBefore: number
}

function report(failure: Failure, { batch, delivery }: Trial, number: number): void {
  const { reason } = failure
  const facts = { dataset: batch.dataset.name, batch: batch.id, attempt: number, reason }
  if (failure.kind === 'halt') {
    delivery.onHalt(reason)
    delivery.log.error(facts, 'delivery halted: check HQ_INGEST_URL, HQ_SIGNING_SECRET, clock')
  } else {
    delivery.log.warn(facts, 'HQ did not take the batch; trying again')
  }
}

async function pause(ms: number, { stopping }: DeliveryContext): Promise<void> {
  await unlessStopped(traceWait('back off', delay(ms, undefined, { signal: stopping })))
}

function blameOf(failure: Failure): Blame {
  if (failure.kind === 'retry') return failure.blame
  return failure.kind === 'halt' ? 'hq' : 'refused'
}

/**
 * Whether HQ has accepted something since the attempt that just failed; if nothing came by itself,
 * it is asked to.
 */
async function isProven(trial: Trial, number: number): Promise<boolean> {
  const { batch, delivery } = trial
  const { accepted } = delivery.restraint
  await pause(backoffMs(number, undefined), delivery)
  if (delivery.restraint.accepted > accepted) return true
  const answer = await attemptHeartbeat(batch, delivery)
  if (answer.kind === 'accepted') return true
  // Everything is refused, so it is not for the sake of this batch.
  const isHalt = answer.kind === 'halt' || answer.kind === 'refused'
  if (isHalt) report({ kind: 'halt', reason: answer.reason }, trial, number)
  return false
}

/** Finds out whether the batch itself is to blame, and what follows. */
async function judge(trial: Trial, failure: Failure, number: number): Promise<Verdict> {
  const { batch, delivery, poison } = trial
  const isAlone = batch.rowCount === 1
  if (failure.kind === 'split') {
    if (failure.cause === 'not_in_time') {
      // HQ itself says that it is not everything; but somebody may hold the whole table.
      const mayCut = delivery.restraint.noteNotInTime(batch.dataset.name)
      if (mayCut) return isAlone ? 'park' : 'cut'
      await pause(backoffMs(number, undefined), delivery)
      return 'again'
    }
    if (!isAlone) return 'cut'
    if (failure.cause === 'too_large') return 'give_up'
  }
  const blame = blameOf(failure)
  if (!poison.note(blame)) {
    // Whoever was told to wait waits at the circuit breaker, as everybody does.
    if (failure.kind !== 'halt') await pause(backoffMs(number, undefined), delivery)
    return 'again'
  }
  if (await isProven(trial, number)) return poison.prove(blame)
  poison.clear()
  return 'again'
}

function loneReason(failure: Failure): LoneReason {
  if (failure.kind === 'split') return 'too_large'
  return failure.kind === 'refused' ? 'blocked' : 'unanswered'
}

/**
 * Gives up on the only row of a batch, if that many may be given up.
 * @returns false where it may not: an outage that lets heartbeats pass looks like this, too.
 * Somebody has to look.
 */
async function giveUp(trial: Trial, failure: Failure): Promise<boolean> {
  const { batch, delivery, acceptedBefore } = trial
  const { restraint, log } = delivery
  const { name } = batch.dataset
  const isCertain = failure.kind === 'split' && failure.cause === 'too_large'
  if (!isCertain && !restraint.mayGiveUp(name, acceptedBefore)) {
    const reason = `rows of ${name} fail one after the other and none is accepted: ${failure.reason}`
    delivery.onHalt(reason)
    log.error(
      { dataset: name, batch: batch.id, reason: failure.reason },
      'delivery halted: rows fail one after the other, so none is given up any more',
    )
    await pause(HALT_PAUSE_MS, delivery)
    return false
  }
  if (!isCertain) restraint.noteGivenUp(name)
  const size = failure.kind === 'split' ? `: ${batch.body.length} bytes` : ''
  await deadLetterLoneRow(batch, loneReason(failure), `${failure.reason}${size}`, delivery)
  return true
}

/**
 * Delivers the rows of a batch in two. Where a row is waited for in HQ, no half waits for the
 * other.
 */
async function deliverHalves(
  { batch, delivery, acceptedBefore }: Trial,
  failure: Failure,
): Promise<void> {
  const halves = halvesOf(batch).map((half) => sealBatch(half, delivery.origin))
  const deliver = (half: Batch) =>
    traceBatch(half, () => deliverUntilSettled(half, delivery, acceptedBefore))
  if (failure.kind !== 'split' || failure.cause !== 'not_in_time') {
    for (const half of halves) await deliver(half)
    return
  }
  const ends = await Promise.allSettled(halves.map(deliver))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

/**
 * Delivers a batch until HQ has decided every row of it: resolves when the batch is settled,
 * however long HQ is away. Its body is gone then.
 *
 * A batch that HQ finds too large is cut in two. So is one that fails or is refused, by whomever,
 * while HQ accepts others, until the row that does it is alone: it becomes a dead letter, or, where
 * HQ only cannot write it now, one that is tried again by itself. What HQ accepts is the proof, its
 * readiness is none.
 * @throws {DeliveryStoppedError} when the relay stops first; nothing is lost, the window is not
 * acked.
 */
export async function deliverBatch(batch: Batch, delivery: DeliveryContext): Promise<void> {
  await traceBatch(batch, () => deliverUntilSettled(batch, delivery))
  // Where it is posted as it is, a socket may still write from it.
  if (delivery.compression !== 'none') freeMemory(batch.body)
}

/**
 * @param cutSince of a piece: batches of its dataset that HQ had accepted when the whole was first
 * tried.
 */
async function deliverUntilSettled(
  batch: Batch,
  delivery: DeliveryContext,
  cutSince?: number,
): Promise<void> {
  const { restraint, onHalt } = delivery
  const { name } = batch.dataset
  const trial: Trial = {
    batch,
    delivery,
    poison: new PoisonDetector(batch.rowCount, cutSince !== undefined),
    acceptedBefore: cutSince ?? restraint.acceptedOf(name),
  }
  const body = await inStep('compress', () => compress(batch.body, delivery.compression))
  for (let number = 1; ; number++) {
    const outcome = await attemptBatch(batch, body, number, delivery)
    if (outcome.kind === 'accepted') {
      restraint.noteAccepted(name)
      onHalt(undefined)
      traceDelivered(batch, outcome.answer)
      return acknowledgeBatch(batch, outcome.answer, delivery)
    }
    report(outcome, trial, number)
    const verdict = await judge(trial, outcome, number)
    switch (verdict) {
      case 'again':
        break
      case 'cut':
        return deliverHalves(trial, outcome)
      case 'park':
        return deadLetterLoneRow(batch, NOT_IN_TIME, outcome.reason, delivery)
      case 'give_up':
        if (await giveUp(trial, outcome)) return
        break
      default:
        return verdict satisfies never
    }
  }
}
