import { failed, passed, undecided, type Verdict } from '../verdict.ts'

/** Name of the check. */
export const LAG = 'lag'
/** Contract, Sync Cadence: the longest micro-batch; and twice of it. */
const LATE_SECONDS = 900
const BROKEN_SECONDS = 1800

function judged(metric: string, seconds: number | undefined): Verdict {
  const base = { check: LAG, metric, rows: 0 }
  if (seconds === undefined) return undecided(base, 'heartbeat')
  const measured = { ...base, value: seconds, threshold: LATE_SECONDS }
  if (seconds > BROKEN_SECONDS) {
    return failed({ ...measured, threshold: BROKEN_SECONDS }, 'agreed', 'page')
  }
  return seconds > LATE_SECONDS ? failed(measured, 'cadence', 'warn') : passed(measured)
}

/**
 * How far HQ is behind a source, by the newest heartbeat that came the way that rows come.
 * @param seconds since it arrived; undefined where none ever did.
 */
export function lag(seconds: number | undefined): Verdict {
  return judged('seconds since the newest heartbeat', seconds)
}

/**
 * How far HQ is behind with a dataset, by its oldest row that waits at the source.
 * @param behind its age in seconds, as the source said last.
 * @param silent seconds since then: where that is long, all of the source is late, and not this.
 */
export function datasetLag(behind: number, silent: number): Verdict {
  const isKnown = silent <= LATE_SECONDS
  return judged('seconds that the oldest row waits', isKnown ? behind + silent : undefined)
}
