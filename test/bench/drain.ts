import { pollUntil } from './measure/poll-until.ts'

const POLL_MS = 25
/** Without a row for this long, a drain has come to a stop. */
const STALL_MS = 30_000
/** Slowest drain that is waited for. */
const MIN_ROWS_PER_S = 500
const MIN_TIMEOUT_MS = 60_000

/** A drain under way. */
export interface Drain {
  readonly what: string
  readonly rows: number
  readonly signal: AbortSignal
  /**
   * Rows that HQ has, by a cheap and exact question: it is asked 40 times a second. Undefined where
   * it is only known that some are missing.
   */
  readonly arrived: () => Promise<number | undefined>
  /** Throws when nothing more will come. */
  readonly assertWell: () => Promise<void> | void
}

/**
 * Waits until every row is there.
 * @returns when it was seen, in ms since 1970.
 * @throws when it stalls or somebody gave up.
 */
export async function waitUntilDrained(drain: Drain): Promise<number> {
  let arrivedRows = -1
  let progressAt = performance.now()
  return pollUntil({
    what: `${drain.what} to drain ${drain.rows} rows`,
    everyMs: POLL_MS,
    timeoutMs: Math.max(MIN_TIMEOUT_MS, (drain.rows / MIN_ROWS_PER_S) * 1000),
    signal: drain.signal,
    probe: async () => {
      const arrived = await drain.arrived()
      if (arrived !== undefined && arrived >= drain.rows) return Date.now()
      await drain.assertWell()
      if (arrived === undefined || arrived > arrivedRows) {
        arrivedRows = arrived ?? arrivedRows
        progressAt = performance.now()
      } else if (performance.now() - progressAt > STALL_MS) {
        throw new Error(`${drain.what} stands still at ${arrived} of ${drain.rows} rows`)
      }
      return undefined
    },
  })
}
