import pg from 'pg'
import type { Logger } from 'pino'
import { connectWriter } from './connect.ts'

/** Something that is done every now and then while the gateway runs. */
export interface PassOptions {
  readonly databaseUrl: string
  readonly log: Logger
  readonly periodMs: number
  /** Until the next pass after one that failed; default the period. */
  readonly retryMs?: number
  /** Done on a session of its own; what it leaves undone the next pass does. */
  readonly work: (client: pg.Client) => Promise<void>
  /** What is to be said where it fails. */
  readonly failure: string
}

/** Does its work at start, then again and again. Start and stop are idempotent. */
export class PeriodicPass {
  readonly #options: PassOptions
  #timer: NodeJS.Timeout | undefined
  #pass: Promise<void> | undefined
  #client: pg.Client | undefined
  #stopped = false

  constructor(options: PassOptions) {
    this.#options = options
  }

  /** Begins the first pass; does not wait for it. */
  start(): void {
    if (this.#stopped || this.#pass !== undefined) return
    this.#pass = this.#run()
  }

  /** Ends after the pass under way, which is cut off. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#client?.end()
    await this.#pass
  }

  async #run(): Promise<void> {
    const { periodMs, retryMs = periodMs } = this.#options
    const succeeded = await this.#tryPass()
    if (this.#stopped) return
    this.#timer = setTimeout(
      () => {
        this.#pass = this.#run()
      },
      succeeded ? periodMs : retryMs,
    )
    // It alone keeps no process alive.
    this.#timer.unref()
  }

  async #tryPass(): Promise<boolean> {
    const { databaseUrl, log, work, failure } = this.#options
    try {
      const client = await connectWriter(databaseUrl)
      this.#client = client
      try {
        await work(client)
      } finally {
        this.#client = undefined
        await client.end()
      }
      return true
    } catch (error) {
      if (this.#stopped) return false
      const code = error instanceof pg.DatabaseError ? error.code : undefined
      log.warn({ code }, failure)
      return false
    }
  }
}
