import { describeError } from '@hq-export/runtime/describe-error.ts'
import type pg from 'pg'
import type { Logger } from '../process/log.ts'
import { endsSession } from '../reexport/ends-session.ts'
import { adoptSettleList } from './adopt-settle-list.ts'
import { childWriters, closeKeys } from './close-keys.ts'
import { exportKeys } from './export-keys.ts'
import { readHighestNumber } from './read-highest-number.ts'
import { readPending } from './read-pending.ts'
import { rotateSettleList } from './rotate-settle-list.ts'
import { readSettlingDatasets, type SettlingDataset } from './settling-datasets.ts'
import { Waited } from './waited.ts'

/** Keys of one transaction. */
const MAX_KEYS = 10_000
/** Look again, where writers of children are being waited for. */
const WRITER_POLL_MS = 20
/** Look again, beside a loop that is never idle. */
const POLL_MS = 5_000
const ROTATION_PERIOD_MS = 60_000
/** Look again after a fault. */
const FAULT_PAUSE_MS = 2_000

/** What a closed part of the list waits for. */
interface Closing {
  readonly lastNumber: string
  readonly writers: ReadonlySet<string>
}

/**
 * Exports what is due of the settle list, step by step beside the relay's loop: it holds up neither
 * a window nor a sleep. What it remembers is what it is waiting for, and for how long; all else
 * stands in the database, so a new one goes on where this one ended, after at most another delay.
 */
export class Settler {
  readonly #client: pg.ClientBase
  readonly #log: Logger
  readonly #maxKeys: number
  readonly #now: () => number
  readonly #waited = new Waited()
  #datasets: readonly SettlingDataset[] | undefined
  #closing: Closing | undefined
  #isFaulty = false
  #dueAt = 0
  #lookAt = 0
  #rotatedAt = performance.now()

  /**
   * @param maxKeys keys of one step; only tests have reasons for another number.
   * @param now clock in ms that does not step, by which keys wait; tests own theirs.
   */
  constructor(
    client: pg.ClientBase,
    log: Logger,
    maxKeys = MAX_KEYS,
    now = () => performance.now(),
  ) {
    this.#client = client
    this.#log = log
    this.#maxKeys = maxKeys
    this.#now = now
  }

  /**
   * How long nothing needs to be done, unless the bell rings; `Infinity` where nothing is pending.
   */
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
      if (endsSession(error)) throw error
      this.#closing = undefined
      this.#isFaulty = true
      this.#pause(FAULT_PAUSE_MS)
      this.#log.error(
        { code: (error as { code?: string }).code, reason: describeError(error) },
        'rows that are due cannot be exported; trying again. See: npm run relay -- doctor',
      )
      return false
    }
  }

  #pause(ms: number): void {
    this.#dueAt = performance.now() + ms
    this.#lookAt = performance.now() + Math.min(ms, POLL_MS)
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
    const delayMs = Math.max(...this.#datasets.map((dataset) => dataset.delayMs))
    const highest = await readHighestNumber(this.#client)
    this.#waited.look(highest, delayMs, this.#now())
    const { lastNumber } = await readPending(this.#client, this.#maxKeys, this.#waited.dueNumber)
    if (lastNumber === null) {
      this.#pause(this.#waited.waitMs(highest, delayMs, this.#now()))
      return false
    }
    const writers = await closeKeys(this.#client, this.#datasets, lastNumber)
    return this.#export({ lastNumber, writers })
  }

  async #export({ lastNumber, writers }: Closing): Promise<boolean> {
    const datasets = this.#datasets ?? []
    const left =
      writers.size === 0
        ? writers
        : writers.intersection(await childWriters(this.#client, datasets))
    if (left.size > 0) {
      this.#closing = { lastNumber, writers: left }
      this.#pause(WRITER_POLL_MS)
      return false
    }
    this.#closing = undefined
    const exported = await exportKeys(this.#client, datasets, lastNumber)
    // More may be due; where another relay holds the marks, a little later.
    this.#pause(exported === undefined ? WRITER_POLL_MS : 0)
    return (exported ?? 0) > 0
  }
}
