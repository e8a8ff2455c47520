import { type Dataset, datasetByName } from '@hq-export/contract'
import { describe, expect, it } from 'vitest'
import { profileOf, runsOf } from '../../../../../test/support/quality/profiles.ts'
import { baselineOfHours } from '../../../../../test/support/quality/window-input.ts'
import { seededRandom } from '../../../../../test/support/random.ts'
import type { Profile } from '../../profile/profile.ts'
import { MIN_BASELINE_ROWS } from '../statistics/min-rows.ts'
import type { WindowCheck, WindowInput } from './check.ts'
import { nullRate } from './null-rate.ts'
import { statusCheck } from './status.ts'

/*
 * What the rules say of rows that are drawn: how often by chance alone, and how often where
 * something has changed. A window of `rows` against a baseline of 2,000 that is drawn anew each
 * time. `asked` is what other methods were measured to reach, with as many false alarms or more.
 */

const SEED = 20_261_128
const BASELINE_ROWS = 2000
const WEEK_HOURS = 7 * 24
const NO_CHANGE = 5000
const CHANGE = 4000

const runs = datasetByName('dx_operation_runs_v1')
const companies = datasetByName('dx_company_entities_v1')

/** How many of so many rows are of a kind with this probability. */
function draw(random: () => number, rows: number, probability: number): number {
  // From one such row to the next (geometric).
  const jump = () => 1 + Math.floor(Math.log(1 - random()) / Math.log1p(-probability))
  let count = 0
  for (let at = jump(); at <= rows; at += jump()) count++
  return count
}

function drawRuns(random: () => number, rows: number, failedShare: number): Profile {
  const failed = draw(random, rows, failedShare)
  const skipped = draw(random, rows - failed, 0.0005)
  const canceled = draw(random, rows - failed - skipped, 0.0005)
  const succeeded = rows - failed - skipped - canceled
  return runsOf(['enrich', 'prospeo', { succeeded, failed, skipped, canceled }])
}

function drawCompanies(random: () => number, rows: number, missingShare: number): Profile {
  return profileOf(rows, { missing: { canonical_domain: draw(random, rows, missingShare) } })
}

interface Simulated {
  readonly check: WindowCheck
  readonly dataset: Dataset
  readonly draw: typeof drawRuns
  readonly usual: number
  readonly baselineRows?: number
}

/** How often a check fails for windows of this size. */
function alarmRate(
  { check, dataset, draw: drawRows, usual, baselineRows = BASELINE_ROWS }: Simulated,
  rows: number,
  share: number,
  windows: number,
): number {
  const random = seededRandom(SEED)
  let alarms = 0
  for (let window = 0; window < windows; window++) {
    const input: WindowInput = {
      dataset,
      tested: drawRows(random, rows, share),
      baseline: baselineOfHours([drawRows(random, baselineRows, usual)], WEEK_HOURS),
      spans: [],
      comparison: undefined,
      known: {},
      isHeard: true,
    }
    if (check.judge(input).verdict === 'fail') alarms++
  }
  return alarms / windows
}

const status: Simulated = {
  check: statusCheck(runs.quality.distribution ?? { column: '', bad: '', by: ['', ''] }),
  dataset: runs,
  draw: drawRuns,
  usual: 0.0585,
}
const [domain] = companies.criticalFields
if (domain === undefined) throw new Error('companies have no critical field')
const nulls: Simulated = {
  check: nullRate(domain),
  dataset: companies,
  draw: drawCompanies,
  usual: 0.144,
}

describe('without a change at most one window in a thousand is called one', () => {
  it.each([20, 30, 50, 100, 500, 5000])('status, %i rows', (rows) => {
    expect(alarmRate(status, rows, status.usual, NO_CHANGE)).toBeLessThanOrEqual(0.001)
  })

  it.each([20, 30, 50, 100, 500, 5000])('rows without a domain, %i rows', (rows) => {
    expect(alarmRate(nulls, rows, nulls.usual, NO_CHANGE)).toBeLessThanOrEqual(0.001)
  })

  it.each([status, nulls])('nor where the baseline is as small as it may be', (simulated) => {
    for (const rows of [20, 100, 5000]) {
      const small = { ...simulated, baselineRows: MIN_BASELINE_ROWS }
      expect(alarmRate(small, rows, simulated.usual, NO_CHANGE)).toBeLessThanOrEqual(0.001)
    }
  })
})

describe('a change is found, by the number of rows that it is seen in', () => {
  it.each([
    { rows: 30, failed: 0.2, asked: 0.12 },
    { rows: 50, failed: 0.2, asked: 0.54 },
    { rows: 100, failed: 0.2, asked: 0.81 },
    { rows: 500, failed: 0.2, asked: 0.995 },
    { rows: 20, failed: 0.4, asked: 0.86 },
    { rows: 30, failed: 0.4, asked: 0.89 },
    { rows: 100, failed: 0.4, asked: 1 },
  ])('of $rows runs, 5.85 % failed usually and $failed now', ({ rows, failed, asked }) => {
    expect(alarmRate(status, rows, failed, CHANGE)).toBeGreaterThanOrEqual(asked)
  })

  it.each([
    { rows: 30, missing: 0.6, asked: 0.9 },
    { rows: 100, missing: 0.4, asked: 0.9 },
    { rows: 500, missing: 0.3, asked: 0.95 },
    { rows: 20, missing: 0.999, asked: 1 },
  ])('of $rows rows, 14.4 % had no domain and $missing now', ({ rows, missing, asked }) => {
    expect(alarmRate(nulls, rows, missing, CHANGE)).toBeGreaterThanOrEqual(asked)
  })
})
