import type { Batch } from '../batch/batch.ts'
import type { BatchOutcome } from '../batch/batch-outcome.ts'
import { halvesOf } from '../batch/open-batch.ts'
import { sealBatch } from '../batch/seal-batch.ts'
import { PoisonDetector } from '../flow-control/poison-detector.ts'
import { attemptBatch, bodyOf } from './attempt.ts'
import type { DeliveryContext } from './delivery-context.ts'
import { type Failure, judgeFailure, type Trial } from './judge-failure.ts'

function cut({ batch, delivery, acceptedBefore }: Trial, failure: Failure): BatchOutcome {
  const pieces = halvesOf(batch).map((half) => sealBatch(half, delivery.origin))
  const isWaitedFor = failure.kind === 'split' && failure.cause === 'not_in_time'
  return { kind: 'cut', pieces, isWaitedFor, acceptedBefore }
}

function givenUp({ body }: Batch, { kind, reason }: Failure): BatchOutcome {
  if (kind === 'split') {
    const detail = `${reason}: ${body.length} bytes`
    return { kind: 'undelivered', reason: 'too_large', detail }
  }
  return {
    kind: 'undelivered',
    reason: kind === 'refused' ? 'blocked' : 'unanswered',
    detail: reason,
  }
}

/**
 * Delivers a batch until it is known what becomes of it, however long HQ is away. Whoever calls it
 * settles the outcome.
 *
 * A batch that HQ finds too large is cut in two. So is one that fails or is refused, by whomever,
 * while HQ accepts others, until the row that does it is alone: it is undelivered. What HQ accepts
 * is the proof, its readiness is none. Rows of a dataset that is retired are undelivered together.
 * @param cutSince of a piece: batches of its dataset that HQ had accepted when the whole was first
 * tried.
 * @throws {DeliveryStoppedError} when the relay stops first; nothing is lost, the window is not
 * acked.
 */
export async function deliverBatch(
  batch: Batch,
  delivery: DeliveryContext,
  cutSince?: number,
): Promise<BatchOutcome> {
  const { restraint, onHalt } = delivery
  const { name } = batch.dataset
  const trial: Trial = {
    batch,
    delivery,
    poison: new PoisonDetector(batch.rowCount, cutSince !== undefined),
    acceptedBefore: cutSince ?? restraint.acceptedOf(name),
  }
  const body = await bodyOf(batch, delivery)
  for (let number = 1; ; number++) {
    const outcome = await attemptBatch(batch, body, number, delivery)
    if (outcome.kind === 'accepted') {
      restraint.noteAccepted(name)
      onHalt(undefined)
      return { kind: 'accepted', answer: outcome.answer }
    }
    if (outcome.kind === 'set_aside') {
      // No proof that HQ can write: it has not tried.
      return { kind: 'undelivered', reason: 'dataset_retired', detail: outcome.reason }
    }
    const verdict = await judgeFailure(trial, outcome, number)
    switch (verdict) {
      case 'again':
        break
      case 'cut':
        return cut(trial, outcome)
      case 'park':
        return { kind: 'undelivered', reason: 'not_in_time', detail: outcome.reason }
      case 'give_up':
        return givenUp(batch, outcome)
      default:
        return verdict satisfies never
    }
  }
}
