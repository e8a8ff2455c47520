import pg from 'pg'
import type { Logger } from 'pino'
import { connectWriter } from '../db/connect.ts'
import { rollUp } from './roll-up.ts'

const PERIOD_MS = 10_000

/** What a schedule needs; the period is the tests' to shorten. */
export interface RollUpOptions {
  readonly databaseUrl: string
  readonly log: Logger
  readonly periodMs?: number | undefined
}

/**
 * Rolls up every few seconds while the gateway runs, on a session of its own. Start and stop are
 * idempotent.
 */
export class RollUpSchedule {
  readonly #options: RollUpOptions
  #timer: NodeJS.Timeout | undefined
  #pass: Promise<void> | undefined
  #client: pg.Client | undefined
  #stopped = false

  constructor(options: RollUpOptions) {
    this.#options = options
  }

  /** Begins the first pass; does not wait for it. */
  start(): void {
    if (this.#stopped || this.#pass !== undefined) return
    this.#pass = this.#run()
  }

  /** Ends after the pass under way, which is cut off: nothing of it has happened then. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#client?.end()
    await this.#pass
  }

  async #run(): Promise<void> {
    await this.#tryPass()
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#pass = this.#run()
    }, this.#options.periodMs ?? PERIOD_MS)
    this.#timer.unref()
  }

  async #tryPass(): Promise<void> {
    const { databaseUrl, log } = this.#options
    try {
      const client = await connectWriter(databaseUrl)
      this.#client = client
      try {
        await rollUp(client)
      } finally {
        this.#client = undefined
        await client.end()
      }
    } catch (error) {
      if (this.#stopped) return
      const code = error instanceof pg.DatabaseError ? error.code : undefined
      log.warn({ code }, 'batches could not be added to their minutes, trying again')
    }
  }
}
