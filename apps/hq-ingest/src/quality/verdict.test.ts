import { expect, it } from 'vitest'
import { failed, passed, tolerate } from './verdict.ts'

const measured = { check: 'null_rate.x', metric: 'm', rows: 100, value: 0.3, fraction: 0.3 }

it.each([
  ['drift', 0.3, 'pass'],
  ['drift', 0.29, 'fail'],
  ['ceiling', 1, 'fail'],
  ['parity', 1, 'fail'],
  ['none', 1, 'fail'],
])('what breaks the rule %s, 0.3 of it, and %d is tolerated: %s', (rule, size, verdict) => {
  const came = tolerate(failed(measured, rule, 'page'), { 'null_rate.x': size })
  expect(came.verdict).toBe(verdict)
  if (verdict === 'pass') expect(came).toMatchObject({ rule: null, tolerated: size })
})

it('what passes, and checks of which nothing is said, stay as they are', () => {
  expect(tolerate(passed(measured), { 'null_rate.x': 1 })).toEqual(passed(measured))
  const drift = failed(measured, 'drift', 'warn')
  expect(tolerate(drift, { 'null_rate.y': 1 })).toEqual(drift)
})
