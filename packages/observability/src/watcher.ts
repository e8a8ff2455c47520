import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from './logger.ts'

/** What is watched, and how. */
export interface WatcherOptions<Session, Reading> {
  /** Opens the session that every reading is made on, until it is lost. */
  readonly open: () => Promise<Session>
  readonly read: (session: Session) => Promise<Reading>
  readonly close: (session: Session) => Promise<void>
  /** Told why nothing can be read now; it is tried again after a period. */
  readonly onFailure: (error: Error & { readonly code?: string }) => void
  readonly log: Logger
  readonly periodMs: number
  /**
   * Share of the time that reading may take at most, 0 to 1: what takes long is read less often.
   */
  readonly maxShare?: number
  /** How long a session rests before its first reading, in ms; not at all where it is not asked. */
  readonly restMs?: (session: Session) => Promise<number>
}

/**
 * Reads the state of something every period on a session of its own, so that a scrape never waits
 * for it.
 */
export class Watcher<Session, Reading> {
  readonly #options: WatcherOptions<Session, Reading>
  readonly #stopping = new AbortController()
  #reading: Reading | undefined
  #running: Promise<void> | undefined

  constructor(options: WatcherOptions<Session, Reading>) {
    this.#options = options
  }

  /** The last reading; undefined before the first, and where nothing can be read. */
  get reading(): Reading | undefined {
    return this.#reading
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stopping.signal }).catch(() => {})
  }

  async #run(): Promise<void> {
    const { onFailure, periodMs } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await this.#watch()
      } catch (error) {
        if (signal.aborted) return
        this.#reading = undefined
        onFailure(error as Error)
        await this.#pause(periodMs)
      }
    }
  }

  /** Reads on one session until it is lost. */
  async #watch(): Promise<void> {
    const { open, read, close, log, periodMs, restMs } = this.#options
    const { maxShare = Number.POSITIVE_INFINITY } = this.#options
    const session = await open()
    try {
      if (restMs !== undefined) await this.#pause(await restMs(session))
      while (!this.#stopping.signal.aborted) {
        const begin = performance.now()
        this.#reading = await read(session)
        await this.#pause(Math.max(periodMs, (performance.now() - begin) / maxShare))
      }
    } finally {
      await close(session).catch((error: Error) => {
        log.debug({ reason: error.name }, 'closing what was lost')
      })
    }
  }
}
