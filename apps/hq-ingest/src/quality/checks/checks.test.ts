import { DATASETS, datasetByName } from '@hq-export/contract'
import { describe, expect, it, test } from 'vitest'
import { profileOf, runsOf } from '../../../../../test/support/quality/profiles.ts'
import {
  baselineOfHours,
  MONTH_HOURS,
  windowInput,
} from '../../../../../test/support/quality/window-input.ts'
import type { Profile } from '../../profile/profile.ts'
import type { Comparison, Span, WindowCheck, WindowInput } from './check.ts'
import { runsWithoutEvents, sequenceGaps } from './event-continuity.ts'
import { datasetLag, lag } from './lag.ts'
import { nullRate } from './null-rate.ts'
import { openSet } from './open-set.ts'
import { windowChecks } from './window-checks.ts'

const companies = datasetByName('dx_company_entities_v1')
const persons = datasetByName('dx_person_entities_v1')
const events = datasetByName('dx_operation_events_v1')
const runs = datasetByName('dx_operation_runs_v1')

function checkOf(dataset: typeof runs, name: string): WindowCheck {
  const check = windowChecks(dataset).find((each) => each.name === name)
  if (check === undefined) throw new Error(`no check ${name}`)
  return check
}

function judge(dataset: typeof runs, name: string, input: Partial<WindowInput> = {}) {
  return checkOf(dataset, name).judge(windowInput(dataset, input))
}

/** The same hour, again and again. */
function hoursOf(profile: Profile, hours = MONTH_HOURS) {
  return baselineOfHours(new Array<Profile>(hours).fill(profile))
}

const compared = (changes: Partial<Comparison> = {}): Comparison => ({
  state: 'equal',
  nulls: {},
  sourceRows: 1000,
  hqRows: 1000,
  findings: {},
  ...changes,
})

test.each(
  DATASETS.flatMap((dataset) =>
    windowChecks(dataset).map(({ name }): [string, string] => [dataset.name, name]),
  ),
)('%s, %s: nothing at all is no pass', (dataset, name) => {
  expect(judge(datasetByName(dataset), name)).toMatchObject({ verdict: 'not_enough_rows' })
})

describe('null rate', () => {
  const missing = (rows: number, count: number) =>
    profileOf(rows, {
      missing: { canonical_domain: count },
      nulls: { canonical_domain: count },
    })
  const baseline = hoursOf(missing(200, 29))
  const domain = (input: Partial<WindowInput>) =>
    judge(companies, 'null_rate.canonical_domain', input)

  it.each([
    [1, 1],
    [19, 19],
  ])('of %i rows, %i without a value, nothing can be told', (rows, count) => {
    const verdict = domain({ tested: missing(rows, count), baseline })
    expect(verdict).toMatchObject({ verdict: 'not_enough_rows', lacks: 'rows', rows })
  })

  it('of 20 rows without a value, the contract is broken', () => {
    expect(domain({ tested: missing(20, 20), baseline })).toMatchObject({
      verdict: 'fail',
      rule: 'ceiling',
      severity: 'page',
      value: 1,
      threshold: 0.3,
      fraction: 1,
      worst: [{ what: 'column', name: 'canonical_domain', count: 20, of: 20 }],
    })
  })

  it('that is as usual passes', () => {
    expect(domain({ tested: missing(100, 14), baseline })).toMatchObject({
      verdict: 'pass',
      baseline: 0.145,
    })
  })

  it('below the ceiling and above the usual is drift, which does not page', () => {
    const verdict = domain({ tested: missing(1000, 280), baseline })
    expect(verdict).toMatchObject({ verdict: 'fail', rule: 'drift', severity: 'warn' })
    expect(verdict.threshold).toBeGreaterThan(0.19)
    expect(verdict.threshold).toBeLessThan(0.28)
  })

  it('where nothing was missing before, a few are no drift, and many are', () => {
    const none = hoursOf(missing(200, 0))
    expect(domain({ tested: missing(100, 2), baseline: none }).verdict).toBe('pass')
    expect(domain({ tested: missing(100, 20), baseline: none })).toMatchObject({
      verdict: 'fail',
      rule: 'drift',
    })
  })

  it.each([
    ['that began yesterday', hoursOf(missing(200, 29), 24)],
    ['made of incidents only', baselineOfHours([])],
    ['of too few rows', hoursOf(missing(2, 0), 200)],
  ])('with a baseline %s, there is no usual', (_, short) => {
    expect(domain({ tested: missing(100, 14), baseline: short })).toMatchObject({
      verdict: 'not_enough_rows',
      lacks: 'baseline',
    })
  })

  it('that differs by hours anyway needs more rows to stand out', () => {
    const bursts = [missing(200, 0), missing(200, 0), missing(200, 0), missing(200, 116)]
    const uneven = baselineOfHours(new Array(168).fill(bursts).flat())
    expect(domain({ tested: missing(100, 28), baseline: uneven })).toMatchObject({
      verdict: 'not_enough_rows',
      lacks: 'rows',
    })
  })

  it('is not that of the source: whatever the rows say', () => {
    const comparison = compared({
      state: 'different',
      nulls: { canonical_domain: [140, 900] },
    })
    expect(domain({ tested: missing(0, 0), baseline, comparison })).toMatchObject({
      verdict: 'fail',
      rule: 'parity',
      severity: 'page',
      value: 0.9,
      baseline: 0.14,
    })
  })

  it('may differ on its way where no key differs', () => {
    const comparison = compared({ nulls: { canonical_domain: [140, 141] } })
    expect(domain({ tested: missing(100, 14), baseline, comparison }).verdict).toBe('pass')
  })

  it('of a name of several columns says which of them is empty now', () => {
    const usual = profileOf(500, {
      missing: { name: 5 },
      nulls: { full_name: 250, first_name: 5, last_name: 5 },
    })
    const tested = profileOf(500, {
      missing: { name: 240 },
      nulls: { full_name: 250, first_name: 5, last_name: 5 },
      empty: { last_name: 490 },
    })
    const verdict = judge(persons, 'null_rate.name', { tested, baseline: hoursOf(usual) })
    expect(verdict).toMatchObject({ verdict: 'fail', worst: [{ name: 'last_name', count: 495 }] })
  })
})

describe('status', () => {
  const usual = runsOf(
    ['enrich', 'prospeo', { succeeded: 94, failed: 6 }],
    ['enrich', 'apollo', { succeeded: 94, failed: 6 }],
    ['verify', 'bouncer', { succeeded: 50, failed: 50 }],
  )
  const baseline = hoursOf(usual)
  const status = (tested: Profile) => judge(runs, 'status', { tested, baseline })

  it.each([1, 19])('of %i failed runs nothing can be told', (failed) => {
    const tested = runsOf(['enrich', 'prospeo', { failed }])
    expect(status(tested)).toMatchObject({ verdict: 'not_enough_rows', lacks: 'rows' })
  })

  it('passes as usual, and with another mix of operations', () => {
    expect(status(usual).verdict).toBe('pass')
    expect(status(runsOf(['verify', 'bouncer', { succeeded: 150, failed: 150 }]))).toMatchObject({
      verdict: 'pass',
    })
  })

  it('names the provider that begins to fail', () => {
    const tested = runsOf(
      ['enrich', 'prospeo', { succeeded: 30, failed: 70 }],
      ['enrich', 'apollo', { succeeded: 94, failed: 6 }],
      ['verify', 'bouncer', { succeeded: 50, failed: 50 }],
    )
    expect(status(tested)).toMatchObject({
      verdict: 'fail',
      rule: 'failed',
      severity: 'warn',
      worst: [
        { what: 'source_provider', name: 'prospeo', count: 70, of: 100 },
        { what: 'operation_id', name: 'enrich' },
        { what: 'status', name: 'failed', count: 126, of: 300 },
      ],
    })
  })

  it('names the operation where its providers all fail', () => {
    const tested = runsOf(
      ['enrich', 'prospeo', { succeeded: 30, failed: 70 }],
      ['enrich', 'apollo', { succeeded: 30, failed: 70 }],
      ['verify', 'bouncer', { succeeded: 50, failed: 50 }],
    )
    expect(status(tested).worst[0]).toMatchObject({ what: 'operation_id', name: 'enrich' })
  })

  it.each([100, 1, 0])('names the provider, however seldom its operations fail (%i)', (seldom) => {
    const usually = runsOf(
      ['research', 'apollo', { succeeded: 10_000 - seldom, failed: seldom }],
      ['research', 'clearbit', { succeeded: 10_000 - seldom, failed: seldom }],
      ['search', 'apollo', { succeeded: 9400, failed: 600 }],
      ['search', 'clearbit', { succeeded: 9400, failed: 600 }],
    )
    const tested = runsOf(
      ['research', 'apollo', { failed: 30 }],
      ['research', 'clearbit', { succeeded: 150 }],
      ['search', 'apollo', { failed: 130 }],
      ['search', 'clearbit', { succeeded: 188, failed: 12 }],
    )
    const verdict = judge(runs, 'status', { tested, baseline: hoursOf(usually) })
    expect(verdict.worst[0]).toMatchObject({ what: 'source_provider', name: 'apollo', count: 160 })
  })

  it('names the operation, however seldom it fails with one of its providers', () => {
    const usually = runsOf(
      ['research', 'apollo', { succeeded: 10_000 }],
      ['research', 'clearbit', { succeeded: 9400, failed: 600 }],
      ['search', 'apollo', { succeeded: 9999, failed: 1 }],
    )
    const tested = runsOf(
      ['research', 'apollo', { succeeded: 20, failed: 20 }],
      ['research', 'clearbit', { succeeded: 70, failed: 80 }],
      ['search', 'apollo', { succeeded: 100 }],
    )
    const verdict = judge(runs, 'status', { tested, baseline: hoursOf(usually) })
    expect(verdict.worst[0]).toMatchObject({ what: 'operation_id', name: 'research', count: 100 })
  })

  it('names the ending that took the place of others, not a rare one', () => {
    const usually = runsOf(['enrich', 'prospeo', { succeeded: 7000, failed: 600, skipped: 2400 }])
    const tested = runsOf([
      'enrich',
      'prospeo',
      { succeeded: 3500, failed: 600, skipped: 5890, canceled: 10 },
    ])
    const verdict = judge(runs, 'status', { tested, baseline: hoursOf(usually) })
    expect(verdict.worst[0]).toMatchObject({ what: 'status', name: 'skipped', count: 5890 })
  })

  it('tells of a part that fails, though it is too small to be seen in all', () => {
    const many = runsOf(
      ['enrich', 'prospeo', { succeeded: 4700, failed: 300 }],
      ['verify', 'bouncer', { succeeded: 94, failed: 6 }],
    )
    const tested = runsOf(
      ['enrich', 'prospeo', { succeeded: 4700, failed: 300 }],
      ['verify', 'bouncer', { succeeded: 40, failed: 60 }],
    )
    const verdict = judge(runs, 'status', { tested, baseline: hoursOf(many) })
    expect(verdict).toMatchObject({ verdict: 'fail', rule: 'failed of a part' })
    expect(verdict.worst.map(({ name }) => name).sort()).toEqual(['bouncer', 'verify'])
  })

  it('tells of runs that are skipped, none of which fails', () => {
    const tested = runsOf(['enrich', 'prospeo', { succeeded: 60, failed: 6, skipped: 40 }])
    expect(status(tested)).toMatchObject({
      verdict: 'fail',
      rule: 'distribution',
      worst: [{ what: 'status', name: 'skipped', count: 40 }, {}, {}],
    })
  })

  it('takes an operation that nobody knows for one that ends as usual', () => {
    const tested = runsOf(['new', 'unheard', { succeeded: 80, failed: 20 }])
    expect(status(tested).verdict).toBe('pass')
  })

  it('survives the names that rows can have', () => {
    const mix = JSON.parse(
      '{"__proto__":{"constructor":{"failed":60}},"toString":{"":{"failed":9}}}',
    )
    const tested = profileOf(100, { mix, mixRest: { failed: 31 } })
    const verdict = status(tested)
    expect(verdict).toMatchObject({ verdict: 'fail', rows: 100 })
    expect(verdict.worst.map(({ name }) => name)).toContain('__proto__')
  })
})

describe('values never seen before', () => {
  const check = openSet('event_type')
  const tested = profileOf(40, { values: { event_type: { request_sent: 37, teleported: 3 } } })
  const baseline = baselineOfHours([], 200)

  it('are told, and named', () => {
    const known = { event_type: new Set(['request_sent']) }
    expect(check.judge(windowInput(events, { tested, baseline, known }))).toMatchObject({
      verdict: 'fail',
      severity: 'warn',
      value: 1,
      fraction: 3 / 40,
      worst: [{ what: 'event_type', name: 'teleported', count: 3, of: 40 }],
    })
  })

  it('are none once they were seen', () => {
    const known = { event_type: new Set(['request_sent', 'teleported']) }
    expect(check.judge(windowInput(events, { tested, baseline, known })).verdict).toBe('pass')
  })

  it('are none in the first week', () => {
    const yesterday = baselineOfHours([], 24)
    expect(check.judge(windowInput(events, { tested, baseline: yesterday }))).toMatchObject({
      verdict: 'not_enough_rows',
      lacks: 'baseline',
    })
  })
})

describe('volume', () => {
  const usual = runsOf(
    ['enrich', 'prospeo', { succeeded: 400 }],
    ['find', 'apollo', { succeeded: 100 }],
    ['rare', 'apollo', { succeeded: 1 }],
  )
  const baseline = hoursOf(usual)
  const spansOf = (quarter: Profile, hour: Profile): Span[] => [
    { minutes: 15, profile: quarter },
    { minutes: 60, profile: hour },
  ]
  const volume = (quarter: Profile, hour: Profile, input: Partial<WindowInput> = {}) =>
    judge(runs, 'volume', { spans: spansOf(quarter, hour), baseline, ...input })
  const quarter = runsOf(
    ['enrich', 'prospeo', { succeeded: 100 }],
    ['find', 'apollo', { failed: 25 }],
  )

  it('passes as usual, without the operation that comes once an hour', () => {
    expect(volume(quarter, usual).verdict).toBe('pass')
  })

  it('names the operation that has stopped', () => {
    const silent = runsOf(['enrich', 'prospeo', { succeeded: 125 }])
    expect(volume(silent, usual)).toMatchObject({
      verdict: 'fail',
      rule: 'operation',
      worst: [{ what: 'operation_id', name: 'find', count: 0, of: 125 }],
    })
  })

  it('says nothing of an operation that may be among those not kept', () => {
    const silent = runsOf(['enrich', 'prospeo', { succeeded: 100 }])
    const capped = { ...silent, inserted: 125, mixRest: { succeeded: 25 } }
    expect(volume(capped, usual).verdict).toBe('pass')
  })

  it('fails where nothing comes, while the source is heard', () => {
    expect(volume(profileOf(0), usual)).toMatchObject({
      verdict: 'fail',
      rule: 'silent',
      value: 0,
      baseline: 125.25,
    })
    expect(volume(profileOf(0), usual, { isHeard: false })).toMatchObject({
      verdict: 'not_enough_rows',
      lacks: 'heartbeat',
    })
  })

  it('knows no silence where it is usual: nights and weekends', () => {
    const office = Array.from({ length: MONTH_HOURS }, (_, hour) => hour).filter(
      (hour) => hour % 24 >= 9 && hour % 24 < 17 && Math.floor(hour / 24) % 7 < 5,
    )
    const uneven = baselineOfHours(
      office.map(() => usual),
      MONTH_HOURS,
    )
    const night: Span[] = [15, 60, 360, 900].map((minutes) => ({ minutes, profile: profileOf(0) }))
    expect(judge(runs, 'volume', { spans: night, baseline: uneven })).toMatchObject({
      verdict: 'not_enough_rows',
      lacks: 'rows',
    })
  })

  it('knows none where nothing ever came', () => {
    const none = baselineOfHours([], MONTH_HOURS)
    expect(volume(profileOf(0), profileOf(0), { baseline: none })).toMatchObject({
      verdict: 'not_enough_rows',
    })
  })
})

describe('what cannot be', () => {
  it.each([
    ['future', { future: { created_at: 2 } }, 'created_at'],
    ['order', { reversed: { ended_at: 2 } }, 'ended_at'],
    ['negative', { negative: { cost_usd: 2 } }, 'cost_usd'],
  ])('%s: one row is enough, and none passes', (name, counts, column) => {
    expect(judge(runs, name, { tested: profileOf(1, counts) })).toMatchObject({
      verdict: 'fail',
      worst: [{ what: 'column', name: column, count: 2 }],
    })
    expect(judge(runs, name, { tested: profileOf(1) }).verdict).toBe('pass')
  })

  it('a refused row pages, but for those that the source mends by itself', () => {
    const tested = { ...profileOf(9), rows: 11, refused: { invalid_value: 1, version_conflict: 1 } }
    expect(judge(runs, 'refused', { tested })).toMatchObject({
      verdict: 'fail',
      severity: 'page',
      value: 1,
      worst: [{ what: 'code', name: 'invalid_value', count: 1, of: 11 }],
    })
    const mended = { ...tested, refused: { version_conflict: 1 } }
    expect(judge(runs, 'refused', { tested: mended }).verdict).toBe('pass')
  })
})

describe('parity', () => {
  it.each([
    ['equal', { refused: 3 }, 'pass'],
    ['different', { missing: 2, refused: 3 }, 'fail'],
    ['repaired', { missing: 2 }, 'not_enough_rows'],
    ['undecided', {}, 'not_enough_rows'],
  ] as const)('a comparison that is %s', (state, findings, verdict) => {
    const came = judge(runs, 'parity', { comparison: compared({ state, findings }) })
    expect(came).toMatchObject({
      verdict,
      ...(verdict === 'fail' && { severity: 'page', value: 2 }),
    })
  })
})

describe('lag', () => {
  it.each([
    [undefined, 'not_enough_rows', 'warn'],
    [0, 'pass', 'warn'],
    [900, 'pass', 'warn'],
    [901, 'fail', 'warn'],
    [1801, 'fail', 'page'],
  ])('of %s seconds', (seconds, verdict, severity) => {
    expect(lag(seconds)).toMatchObject({ verdict, severity })
  })

  it.each([
    [0, 0, 'pass', 'warn'],
    [500, 401, 'fail', 'warn'],
    [1800, 1, 'fail', 'page'],
    // The source is not heard of: that is told by its heartbeats, once for all datasets.
    [0, 901, 'not_enough_rows', 'warn'],
  ])('of a dataset: %s seconds, %s seconds ago', (behind, silent, verdict, severity) => {
    expect(datasetLag(behind, silent)).toMatchObject({ verdict, severity })
  })
})

describe('the events of runs', () => {
  const day = { runs: 1000, withGaps: 0, missing: 0, withoutEvents: 10 }

  it('leave no number out', () => {
    expect(sequenceGaps({ ...day, runs: 0, withoutEvents: 0 }).verdict).toBe('not_enough_rows')
    expect(sequenceGaps(day).verdict).toBe('pass')
    expect(sequenceGaps({ ...day, withGaps: 2, missing: 5 })).toMatchObject({
      verdict: 'fail',
      value: 5,
      rows: 990,
      worst: [{ what: 'runs', count: 2, of: 990 }],
    })
  })

  it('are missing no more often than usual', () => {
    expect(runsWithoutEvents({ ...day, runs: 19 }, [day]).lacks).toBe('rows')
    expect(runsWithoutEvents(day, []).lacks).toBe('baseline')
    expect(runsWithoutEvents(day, [day, day]).verdict).toBe('pass')
    expect(runsWithoutEvents({ ...day, withoutEvents: 1000 }, [day, day])).toMatchObject({
      verdict: 'fail',
      rule: 'drift',
      value: 1,
    })
  })
})

test('a check of a field is named after it', () => {
  expect(companies.criticalFields.map((field) => nullRate(field).name)).toEqual([
    'null_rate.canonical_domain',
    'null_rate.canonical_name',
  ])
})
