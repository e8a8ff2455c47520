import { datasetByName } from '@hq-export/contract'
import { expect, it } from 'vitest'
import { runsOf } from '../../../../../test/support/quality/profiles.ts'
import { sizeOf, type Tolerances } from '../verdict.ts'
import { judgeWindow } from './judge-window.ts'
import { DAY_MS, HOUR_MS, WINDOW_MS } from './time.ts'

const runs = datasetByName('dx_operation_runs_v1')
const START = Date.UTC(2026, 2, 2)
const ACCEPTED_AT = START + 28 * DAY_MS

/** A hundred runs, so many of which failed. */
const hourOf = (failed: number) =>
  runsOf(['enrich', 'prospeo', { succeeded: 100 - failed, failed }])

/** What becomes of runs so many hours after the begin of an incident in which 40 of 100 failed. */
function judged(
  hoursAfter: number,
  failed: number,
  { isAccepted = true, tolerances = {} as Tolerances } = {},
) {
  const end = ACCEPTED_AT + hoursAfter * HOUR_MS + WINDOW_MS
  const hours: { hour: number; profile: ReturnType<typeof hourOf> }[] = []
  for (let hour = START; hour + HOUR_MS <= end; hour += HOUR_MS) {
    hours.push({ hour, profile: hourOf(hour < ACCEPTED_AT ? 5 : 40) })
  }
  const incident = { check: 'status', beganAt: ACCEPTED_AT, closedAt: end, isAccepted }
  const { checks } = judgeWindow({
    dataset: runs,
    end,
    windows: new Map([[end - WINDOW_MS, hourOf(failed)]]),
    history: { hours, since: START, incidents: [incident] },
    pending: {},
    comparison: undefined,
    known: {},
    isHeard: true,
    tolerances,
  })
  return checks.find(({ verdict }) => verdict.check === 'status')?.verdict
}

it('an accepted check has verdicts again a day after the begin of what was accepted', () => {
  expect(judged(23, 40)).toMatchObject({ verdict: 'not_enough_rows', lacks: 'baseline' })
  expect(judged(24, 40)).toMatchObject({ verdict: 'pass' })
  expect(judged(24, 90)).toMatchObject({ verdict: 'fail', rule: 'failed' })
  expect(judged(24, 40, { isAccepted: false })).toMatchObject({ verdict: 'fail' })
})

it('a check that tolerates something fails above it, and what is certain is not tolerated', () => {
  const tolerances = { status: 0.5 }
  const pardoned = judged(24, 50, { isAccepted: false, tolerances })
  expect(pardoned).toMatchObject({ verdict: 'pass', rule: null, tolerated: 0.5, value: 0.5 })
  expect(judged(24, 51, { isAccepted: false, tolerances })).toMatchObject({ verdict: 'fail' })
  expect(sizeOf({ fraction: null, value: 3 })).toBe(3)
})
