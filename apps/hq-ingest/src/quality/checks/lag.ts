import { failed, passed, undecided, type Verdict } from '../verdict.ts'

const NAME = 'lag'
/** Contract, Sync Cadence: the longest micro-batch; and twice of it. */
const LATE_SECONDS = 900
const BROKEN_SECONDS = 1800

/**
 * How far HQ is behind a source, by the newest heartbeat that came the way that rows come.
 * @param seconds since it arrived; undefined where none ever did.
 */
export function lag(seconds: number | undefined): Verdict {
  const base = { check: NAME, metric: 'seconds since the newest heartbeat', rows: 0 }
  if (seconds === undefined) return undecided(base, 'heartbeat')
  const measured = { ...base, value: seconds, threshold: LATE_SECONDS }
  if (seconds > BROKEN_SECONDS) {
    return failed({ ...measured, threshold: BROKEN_SECONDS }, 'agreed', 'page')
  }
  return seconds > LATE_SECONDS ? failed(measured, 'cadence', 'warn') : passed(measured)
}
