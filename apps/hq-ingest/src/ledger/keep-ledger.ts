import pg from 'pg'
import type { Logger } from 'pino'
import { connectWriter } from '../db/connect.ts'
import { expireLedger } from './expire-ledger.ts'
import { readHqClock } from './hq-clock.ts'

export interface LedgerKeeperOptions {
  readonly databaseUrl: string
  /** How long an answer is kept at least, in days. */
  readonly keepDays: number
  /** Milliseconds since the epoch; default HQ's own clock. */
  readonly now?: (() => number) | undefined
  readonly log: Logger
}

const PASS_MS = 60 * 60 * 1000
const RETRY_MS = 60 * 1000

/**
 * Keeps the ledger's months coming and going while the gateway runs, on a session of its own: a
 * pass at start, then one an hour, sooner after one that failed. Start and stop are idempotent.
 */
export class LedgerMaintenance {
  readonly #options: LedgerKeeperOptions
  #timer: NodeJS.Timeout | undefined
  #pass: Promise<void> | undefined
  #client: pg.Client | undefined
  #stopped = false

  constructor(options: LedgerKeeperOptions) {
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
    const succeeded = await this.#tryPass()
    if (this.#stopped) return
    this.#timer = setTimeout(
      () => {
        this.#pass = this.#run()
      },
      succeeded ? PASS_MS : RETRY_MS,
    )
    // Housekeeping alone keeps no process alive.
    this.#timer.unref()
  }

  async #tryPass(): Promise<boolean> {
    const { databaseUrl, keepDays, now, log } = this.#options
    try {
      const client = await connectWriter(databaseUrl)
      this.#client = client
      try {
        const retained = await expireLedger(
          client,
          now?.() ?? (await readHqClock(client)),
          keepDays,
        )
        if (retained !== undefined && retained.created.length + retained.dropped.length > 0) {
          log.info(retained, 'ledger partitions')
        }
      } finally {
        this.#client = undefined
        await client.end()
      }
      return true
    } catch (error) {
      if (this.#stopped) return false
      const code = error instanceof pg.DatabaseError ? error.code : undefined
      log.warn({ code }, 'the ledger could not be kept, trying again')
      return false
    }
  }
}
