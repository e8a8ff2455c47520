import { describeError } from '@hq-export/program/describe-error.ts'
import pg from 'pg'
import type { Logger } from '../log.ts'
import { adoptSettleList } from './adopt-settle-list.ts'
import { childWriters, closeKeys } from './close-keys.ts'
import { exportKeys } from './export-keys.ts'
import { readPending } from './read-pending.ts'
import { rotateSettleList } from './rotate-settle-list.ts'
import { readSettlingDatasets, type SettlingDataset } from './settling-datasets.ts'

/** Keys of one transaction, but for those due at the same moment. */
const MAX_KEYS = 10_000
/** Look again, where writers of children are being waited for. */
const WRITER_POLL_MS = 20
/** Look again, beside a loop that is never idle. */
const LOOK_MS = 5_000
/** A mark goes on when nothing is pending too, for rows whose key was never noted. */
const MARK_PERIOD_MS = 60_000
const ROTATION_PERIOD_MS = 60_000
/** Look again after a fault. */
const FAULT_PAUSE_MS = 2_000

/** What a closed part of the list waits for. */
interface Closing {
  readonly dueBefore: string
  readonly writers: ReadonlySet<string>
}

/**
 * Exports what is due of the settle list, step by step beside the relay's loop: it holds up neither a window nor a sleep. What it
 * remembers is only what it is waiting for; all else stands in the database, so a new one goes on where this one ended.
 */
export class Settler {
  readonly #client: pg.ClientBase
  readonly #log: Logger
  readonly #maxKeys: number
  #datasets: readonly SettlingDataset[] | undefined
  #closing: Closing | undefined
  #isFaulty = false
  #dueAt = 0
  #lookAt = 0
  #rotatedAt = performance.now()

  /** @param maxKeys keys of one step; only tests have reasons for another number. */
  constructor(client: pg.ClientBase, log: Logger, maxKeys = MAX_KEYS) {
    this.#client = client
    this.#log = log
    this.#maxKeys = maxKeys
  }

  /** How long nothing needs to be done, unless the bell rings; `Infinity` where nothing is pending. */
  get waitMs(): number {
    return Math.max(0, this.#dueAt - performance.now())
  }

  /**
   * One step, if it is time for one, or if a new key may have come unannounced.
   * @returns true if rows went into the outbox.
   */
  async step(isIdle: boolean): Promise<boolean> {
    const looksOnTimeOnly = !isIdle || this.#isFaulty || this.#datasets?.length === 0
    if (performance.now() < this.#lookAt && looksOnTimeOnly) return false
    try {
      this.#isFaulty = false
      return await this.#step()
    } catch (error) {
      // A view that a changed table broke must not stop what the triggers captured. A lost session is the loop's to see.
      if (!(error instanceof pg.DatabaseError) || /^(57|08)/.test(error.code ?? '')) throw error
      this.#closing = undefined
      this.#isFaulty = true
      this.#pause(FAULT_PAUSE_MS)
      this.#log.error(
        { code: error.code, reason: describeError(error) },
        'rows that are due cannot be exported; trying again. See: npm run relay -- doctor',
      )
      return false
    }
  }

  #pause(ms: number): void {
    this.#dueAt = performance.now() + ms
    this.#lookAt = performance.now() + Math.min(ms, LOOK_MS)
  }

  async #step(): Promise<boolean> {
    if (this.#closing !== undefined) return this.#export(this.#closing)
    if (this.#datasets === undefined) await adoptSettleList(this.#client)
    // Read every time: a binding may be replaced while the relay works.
    this.#datasets = await readSettlingDatasets(this.#client)
    if (this.#datasets.length === 0) {
      this.#pause(Infinity)
      return false
    }
    if (performance.now() - this.#rotatedAt >= ROTATION_PERIOD_MS) {
      this.#rotatedAt = performance.now()
      await rotateSettleList(this.#client)
    }
    const pending = await readPending(this.#client, this.#maxKeys)
    const isDue = pending.dueInMs !== null && pending.dueInMs <= 0
    if (!isDue && (pending.dueInMs !== null || pending.markAgeMs < MARK_PERIOD_MS)) {
      this.#pause(pending.dueInMs ?? Infinity)
      return false
    }
    const { dueBefore } = pending
    const writers = await closeKeys(this.#client, this.#datasets, dueBefore)
    return this.#export({ dueBefore, writers })
  }

  async #export({ dueBefore, writers }: Closing): Promise<boolean> {
    const datasets = this.#datasets ?? []
    const left =
      writers.size === 0
        ? writers
        : writers.intersection(await childWriters(this.#client, datasets))
    if (left.size > 0) {
      this.#closing = { dueBefore, writers: left }
      this.#pause(WRITER_POLL_MS)
      return false
    }
    this.#closing = undefined
    const exported = await exportKeys(this.#client, datasets, dueBefore)
    // More may be due; where another relay holds the marks, a little later.
    this.#pause(exported === undefined ? WRITER_POLL_MS : 0)
    return (exported ?? 0) > 0
  }
}
