import type { Batch } from '../batch/batch.ts'
import type { DecidedOutcome } from '../batch/batch-outcome.ts'

/** Number of the heartbeat, which is nobody's change. */
const HEARTBEAT = 0

/** What became of rows, as the ack of their window keeps it. */
export interface Outcomes {
  inserted: number
  updated: number
  superseded: number
  duplicate: number
  stale: number
  refused: number
}

/** {@link Outcomes} of the rows of a dataset that were captured on one UTC day. */
export interface DayOutcomes extends Outcomes {
  readonly day: string
  /** Number of the dataset in the contract. */
  readonly dataset: number
}

/**
 * Counts what becomes of each row that a window read from the outbox: once, by the day of its
 * capture, whatever batches it travelled in.
 */
export class WindowOutcomes {
  readonly #days = new Map<string, DayOutcomes>()

  /** Counts `rows` rows, if any. */
  add(day: string, dataset: number, outcome: keyof Outcomes, rows: number): void {
    if (rows > 0 && dataset !== HEARTBEAT) this.#of(day, dataset)[outcome] += rows
  }

  /** Counts rows of one day that travelled in `batch`: one batch, or a piece of one. */
  decided(day: string, batch: Batch, outcome: DecidedOutcome): void {
    const dataset = batch.dataset.number
    if (outcome.kind !== 'accepted') {
      this.add(day, dataset, 'refused', batch.rowCount)
      return
    }
    if (dataset === HEARTBEAT) return
    const sums = this.#of(day, dataset)
    const { counts } = outcome.answer
    sums.inserted += counts.inserted
    sums.updated += counts.updated
    sums.superseded += counts.superseded
    sums.duplicate += counts.duplicate
    sums.stale += counts.stale
    sums.refused += counts.quarantined
  }

  /** Counts what another window counted. */
  addAll(window: WindowOutcomes): void {
    for (const { day, dataset, ...outcomes } of window.#days.values()) {
      const sums = this.#of(day, dataset)
      for (const [outcome, rows] of Object.entries(outcomes)) {
        sums[outcome as keyof Outcomes] += rows
      }
    }
  }

  /** JSON text for the ack; null where nothing was counted. */
  toText(): string | null {
    return this.#days.size === 0 ? null : JSON.stringify([...this.#days.values()])
  }

  #of(day: string, dataset: number): DayOutcomes {
    const key = `${day} ${dataset}`
    const known = this.#days.get(key)
    if (known !== undefined) return known
    const none = { inserted: 0, updated: 0, superseded: 0, duplicate: 0, stale: 0, refused: 0 }
    const fresh = { day, dataset, ...none }
    this.#days.set(key, fresh)
    return fresh
  }
}
