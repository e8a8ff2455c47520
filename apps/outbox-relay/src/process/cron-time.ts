import { Cron } from 'croner'

/** Moments that a cron expression names. */
export interface CronTime {
  /** As it was set. */
  readonly text: string
  /** The first of them after `after`. */
  readonly next: (after: Date) => Date
}

/**
 * Reads a cron expression of five fields, in UTC.
 * @returns undefined for anything else, and for one that never comes (`0 0 31 2 *`).
 */
export function parseCronTime(text: string): CronTime | undefined {
  let cron: Cron
  try {
    cron = new Cron(text, { timezone: 'UTC', mode: '5-part', paused: true })
  } catch {
    return undefined // not an expression
  }
  if (cron.nextRun() === null) return undefined
  return {
    text,
    next(after) {
      const date = cron.nextRun(after)
      if (date === null) throw new Error('a cron expression of five fields has no end')
      return date
    },
  }
}
