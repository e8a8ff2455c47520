import type { AttemptOutcome, Blame } from '../batch/attempt-outcome.ts'
import type { Batch } from '../batch/batch.ts'
import { backoffMs } from '../flow-control/backoff.ts'
import type { PoisonDetector, Verdict } from '../flow-control/poison-detector.ts'
import { attemptHeartbeat, HALT_PAUSE_MS, pause } from './attempt.ts'
import type { DeliveryContext } from './delivery-context.ts'

/** An attempt that did not end in a decision of HQ. */
export type Failure = Exclude<AttemptOutcome, { kind: 'accepted' | 'set_aside' }>

/** A batch that HQ has not decided. */
export interface Trial {
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

/**
 * Takes note that the only row of a batch is to be given up.
 * @returns false where that many may not be given up: an outage that lets heartbeats pass looks
 * like this, too. Somebody has to look.
 */
async function mayGiveUp(trial: Trial, failure: Failure): Promise<boolean> {
  const { batch, delivery, acceptedBefore } = trial
  const { restraint, log } = delivery
  const { name } = batch.dataset
  if (failure.kind === 'split' && failure.cause === 'too_large') return true
  if (restraint.mayGiveUp(name, acceptedBefore)) {
    restraint.noteGivenUp(name)
    return true
  }
  const reason = `rows of ${name} fail one after the other and none is accepted: ${failure.reason}`
  delivery.onHalt(reason)
  log.error(
    { dataset: name, batch: batch.id, reason: failure.reason },
    'delivery halted: rows fail one after the other, so none is given up any more',
  )
  await pause(HALT_PAUSE_MS, delivery)
  return false
}

/**
 * What follows from an attempt that failed, after the pauses and the proof that it takes.
 * @param number attempts made so far, from 1.
 * @throws {DeliveryStoppedError} when the relay stops first.
 */
export async function judgeFailure(
  trial: Trial,
  failure: Failure,
  number: number,
): Promise<Verdict> {
  report(failure, trial, number)
  const verdict = await judge(trial, failure, number)
  return verdict === 'give_up' && !(await mayGiveUp(trial, failure)) ? 'again' : verdict
}
