import type { CronTime } from '../../process/cron-time.ts'

/**
 * Says when a moment of a schedule has come, by a clock that may step: set forward past several of
 * them, or after a sleep, it says so once; set back, it waits for the next one from there.
 */
export class Due {
  readonly #time: CronTime
  #lookedAt: Date

  constructor(time: CronTime, now: Date) {
    this.#time = time
    this.#lookedAt = now
  }

  /** @returns the first moment since the last look, if there was one. */
  look(now: Date): Date | undefined {
    const since = this.#lookedAt
    this.#lookedAt = now
    if (now <= since) return undefined
    const next = this.#time.next(since)
    return next <= now ? next : undefined
  }
}
