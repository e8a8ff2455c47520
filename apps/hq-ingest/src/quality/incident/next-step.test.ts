import { describe, expect, it, test } from 'vitest'
import { failed, passed, undecided } from '../verdict.ts'
import { nextStep, type OpenIncident } from './next-step.ts'

const HOUR_MS = 3_600_000
const measured = { check: 'status', metric: 'share of failed rows', rows: 100 }
const bad = (fraction: number, severity: 'page' | 'warn' = 'warn') =>
  failed({ ...measured, fraction }, 'failed', severity)
const good = passed({ ...measured, fraction: 0 })
const open = (changes: Partial<OpenIncident> = {}): OpenIncident => ({
  id: '1',
  severity: 'warn',
  cleanWindows: 0,
  repeats: 0,
  toldAt: 0,
  size: 0.2,
  ...changes,
})

test('the first window that fails opens an incident, and no other does', () => {
  expect(nextStep(undefined, bad(0.2), 0)).toEqual({ kind: 'open' })
  expect(nextStep(undefined, good, 0)).toEqual({ kind: 'nothing' })
  expect(nextStep(undefined, undecided(measured, 'rows'), 0)).toEqual({ kind: 'nothing' })
})

test('two clean windows in a row close it, and one that cannot be told is none of them', () => {
  expect(nextStep(open(), good, 0)).toEqual({ kind: 'clean' })
  expect(nextStep(open({ cleanWindows: 1 }), undecided(measured, 'rows'), 0)).toEqual({
    kind: 'nothing',
  })
  expect(nextStep(open({ cleanWindows: 1 }), good, 0)).toEqual({ kind: 'close' })
})

describe('it is told again', () => {
  it.each([
    ['not after a quarter of an hour', open(), bad(0.2), 0.25, false],
    ['after four hours', open(), bad(0.2), 4, true],
    ['not four hours later', open({ repeats: 1 }), bad(0.2), 4, false],
    ['but a day later', open({ repeats: 1 }), bad(0.2), 24, true],
    ['at once where it has doubled', open(), bad(0.4), 0.25, true],
    ['not where it has not', open(), bad(0.39), 0.25, false],
    ['not where there was nothing to double', open({ size: 0 }), bad(0.4), 0.25, false],
  ])('%s', (_, incident, verdict, hours, isTold) => {
    expect(nextStep(incident, verdict, hours * HOUR_MS)).toEqual({
      kind: 'fail',
      isTold,
      severity: 'warn',
    })
  })

  it('at once where it pages now, and pages from then on', () => {
    expect(nextStep(open(), bad(0.2, 'page'), 0)).toMatchObject({ isTold: true, severity: 'page' })
    expect(nextStep(open({ severity: 'page' }), bad(0.2), 0)).toMatchObject({
      isTold: false,
      severity: 'page',
    })
  })
})
