import { datasetByName } from '@hq-export/contract'
import { describeError } from '@hq-export/runtime/describe-error.ts'
import { pause } from '@hq-export/runtime/pause.ts'
import { acknowledgeOutcome, type Settlement } from '../acknowledge/acknowledge-outcome.ts'
import type { DecidedOutcome } from '../batch/batch-outcome.ts'
import { compress } from '../batch/compress.ts'
import { DeliveryStoppedError } from '../batch/delivery-stopped.ts'
import { sealBatch } from '../batch/seal-batch.ts'
import {
  closeLetter,
  type DueLetter,
  readDueLetters,
  untilDue,
} from '../dead-letter/due-letters.ts'
import { type AttemptContext, attemptBatch } from '../delivery/attempt.ts'
import type { RepairSession } from '../session/repair-session.ts'

/** How often a relay looks for rows that another process, a backfill, has left for later. */
const POLL_MS = 60_000
/** Look again after a fault. */
const FAULT_PAUSE_MS = 1_000
/** Not sooner than this after the last look, whatever the clocks say. */
const MIN_PAUSE_MS = 50
const MAX_LETTERS = 20

/**
 * Tries rows again that HQ could not write in time, each in a batch of its own beside the windows,
 * so that they hold up nobody: the dead letter is closed when HQ takes the row, gets HQ's reason
 * when it refuses it, and is tried again after a longer pause otherwise.
 */
export class ParkedRows {
  readonly #side: RepairSession
  readonly #delivery: AttemptContext
  readonly #settlement: Settlement
  #waking = new AbortController()
  #running: Promise<void> | undefined

  /** @param side for transactions of its own. */
  constructor(side: RepairSession, delivery: AttemptContext, onAccepted: Settlement['onAccepted']) {
    this.#side = side
    // Live changes go first.
    this.#delivery = { ...delivery, rank: 'backfill' }
    const run: Settlement['run'] = (work) => side.run(work)
    this.#settlement = { run, transact: run, mayRace: true, log: delivery.log, onAccepted }
  }

  /** Begins; a second call changes nothing. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** A row was left for later. */
  wake(): void {
    this.#waking.abort()
  }

  /** Resolves when it has ended, which it does when the delivery's `stopping` is aborted. */
  async ended(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    const { stopping, log } = this.#delivery
    while (!stopping.aborted) {
      this.#waking = new AbortController()
      let pauseMs = FAULT_PAUSE_MS
      try {
        pauseMs = await this.#retry()
      } catch (error) {
        if (error instanceof DeliveryStoppedError || stopping.aborted) return
        log.warn({ reason: describeError(error) }, 'dead letters cannot be tried again now')
      }
      const signal = AbortSignal.any([stopping, this.#waking.signal])
      await pause(pauseMs, signal)
    }
  }

  /** Tries what is due. @returns how long nothing is. */
  async #retry(): Promise<number> {
    const due = await this.#side.run((client) => readDueLetters(client, MAX_LETTERS))
    for (const letter of due) await this.#retryOne(letter)
    const ms = await this.#side.run(untilDue)
    return Math.min(POLL_MS, Math.max(MIN_PAUSE_MS, ms ?? POLL_MS))
  }

  async #retryOne({ id, dataset, text }: DueLetter): Promise<void> {
    const delivery = this.#delivery
    const packed = { dataset: datasetByName(dataset), rowCount: 1, texts: [text] }
    const batch = sealBatch(packed, delivery.origin)
    const body = await compress(batch.body, delivery.compression)
    const attempt = await attemptBatch(batch, body, 1, delivery)
    const outcome: DecidedOutcome =
      attempt.kind === 'accepted'
        ? attempt
        : {
            kind: 'undelivered',
            reason: attempt.kind === 'set_aside' ? 'dataset_retired' : 'not_in_time',
            detail: attempt.reason,
          }
    await acknowledgeOutcome(batch, outcome, this.#settlement)
    // What HQ has refused is the same letter, with its reason.
    if (outcome.kind !== 'accepted' || outcome.answer.counts.quarantined > 0) return
    await this.#side.run((client) => closeLetter(client, id))
  }
}
