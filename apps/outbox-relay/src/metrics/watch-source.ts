import { setTimeout as delay } from 'node:timers/promises'
import { connect } from '../connect.ts'
import type { Logger } from '../log.ts'
import { type RelayStatus, readStatus } from '../status.ts'

/** How old what is said of data-engine-x may be. */
const PERIOD_MS = 15_000
/** Counting what waits takes its time where millions do: at most a twentieth of the time is spent on it. */
const MAX_SHARE = 1 / 20
const STATEMENT_TIMEOUT_MS = 30_000

const AGE = /* sql */ `
select extract(epoch from pg_catalog.clock_timestamp() - $1::timestamptz)::float8 as age_s`

/** What data-engine-x said last. */
export interface SourceReading {
  readonly status: RelayStatus
  /** Age of the echoed heartbeat on the source's clock, in seconds; undefined where none came back to this process. */
  readonly heartbeatAgeS: number | undefined
  /** When it was read, as `performance.now()`. */
  readonly readAt: number
}

/** Reads the state of the export every 15 s on a session of its own, so that a scrape never waits for the database. */
export class SourceWatcher {
  readonly #databaseUrl: string
  readonly #echoed: () => string | undefined
  readonly #log: Logger
  readonly #stopping = new AbortController()
  #reading: SourceReading | undefined
  readonly #periodMs: number
  #running: Promise<void> | undefined

  /** @param echoed `source_ts` of the newest heartbeat that came back. */
  constructor(
    databaseUrl: string,
    echoed: () => string | undefined,
    log: Logger,
    periodMs: number = PERIOD_MS,
  ) {
    this.#databaseUrl = databaseUrl
    this.#echoed = echoed
    this.#log = log
    this.#periodMs = periodMs
  }

  /** The last reading, while it is no older than a few periods; undefined where data-engine-x cannot be read. */
  get reading(): SourceReading | undefined {
    return this.#reading
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await this.#watch(signal)
      } catch (error) {
        if (signal.aborted) return
        this.#reading = undefined
        const { code, message } = error as { code?: string; message?: string }
        this.#log.warn({ code, reason: message }, 'data-engine-x cannot be observed; trying again')
        await delay(this.#periodMs, undefined, { signal }).catch(() => {})
      }
    }
  }

  /** Reads on one session until it is lost. */
  async #watch(signal: AbortSignal): Promise<void> {
    const client = await connect(this.#databaseUrl, 'observe', (error) => {
      this.#log.debug({ reason: error.message }, 'the observing session was lost')
    })
    try {
      await client.query(`set statement_timeout = ${STATEMENT_TIMEOUT_MS}`)
      while (!signal.aborted) {
        const begin = performance.now()
        const status = await readStatus(client)
        const echoed = this.#echoed()
        const { rows } = await client.query<{ age_s: number | null }>(AGE, [echoed ?? null])
        const readAt = performance.now()
        this.#reading = { status, heartbeatAgeS: rows[0]?.age_s ?? undefined, readAt }
        const pauseMs = Math.max(this.#periodMs, (readAt - begin) / MAX_SHARE)
        await delay(pauseMs, undefined, { signal }).catch(() => {})
      }
    } finally {
      await client.end().catch((error: Error) => {
        this.#log.debug({ reason: error.message }, 'closing what was lost')
      })
    }
  }
}
