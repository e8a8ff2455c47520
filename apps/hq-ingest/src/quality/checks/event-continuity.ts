import { exceeds, leastExceeding } from '../statistics/exceeds.ts'
import { MIN_BASELINE_ROWS, MIN_ROWS } from '../statistics/min-rows.ts'
import { type Share, smoothedShare } from '../statistics/share.ts'
import { failed, passed, undecided, type Verdict } from '../verdict.ts'

/** The events of the runs of one day. */
export interface EventsOfRuns {
  /** Runs that were looked at. */
  readonly runs: number
  /** Of them: whose numbers of events leave some out. */
  readonly withGaps: number
  /** Numbers that are left out. */
  readonly missing: number
  /** Of them: without any event. */
  readonly withoutEvents: number
}

/** Names of the checks of a day. */
export const SEQUENCE_GAPS = 'sequence_gaps'
export const WITHOUT_EVENTS = 'runs_without_events'

/** Less than that is nobody's concern. */
const MARGIN = 0.05

/** No number of an event is left out within a run. */
export function sequenceGaps({ runs, withGaps, missing, withoutEvents }: EventsOfRuns): Verdict {
  const rows = runs - withoutEvents
  const base = { check: SEQUENCE_GAPS, metric: 'numbers of events that are left out', rows }
  if (rows === 0) return undecided(base, 'rows')
  const measured = { ...base, value: missing, threshold: 1, fraction: withGaps / rows }
  if (missing === 0) return passed(measured)
  const worst = [{ what: 'runs', name: 'with gaps', count: withGaps, of: rows, usual: null }]
  return failed({ ...measured, worst }, 'none', 'warn')
}

/**
 * Runs without any event are no more than usual: some sources have such runs.
 * @param before the same of days before, those of incidents left out.
 */
export function runsWithoutEvents(
  { runs, withoutEvents }: EventsOfRuns,
  before: readonly EventsOfRuns[],
): Verdict {
  const metric = 'share of runs without events'
  const base = { check: WITHOUT_EVENTS, metric, rows: runs }
  if (runs < MIN_ROWS) return undecided(base, 'rows')
  const current: Share = { count: withoutEvents, of: runs }
  const usual: Share = {
    count: before.reduce((sum, day) => sum + day.withoutEvents, 0),
    of: before.reduce((sum, day) => sum + day.runs, 0),
  }
  const value = withoutEvents / runs
  if (usual.of < MIN_BASELINE_ROWS) return undecided({ ...base, value }, 'baseline')
  const measured = {
    ...base,
    value,
    fraction: value,
    threshold: leastExceeding(runs, usual, MARGIN),
    baseline: smoothedShare(usual),
  }
  return exceeds(current, usual, MARGIN) ? failed(measured, 'drift', 'warn') : passed(measured)
}
