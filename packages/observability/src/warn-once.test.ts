import { expect, test } from 'vitest'
import { warnOnce } from './warn-once.ts'

test('a collector that is away is mentioned once, and again only after a while', () => {
  const reasons: string[] = []
  let now = 0
  const warn = warnOnce(
    (reason) => reasons.push(reason),
    1000,
    () => now,
  )
  const refused = Object.assign(new Error('no value is ever in here'), { code: 'ECONNREFUSED' })
  warn(new AggregateError([refused]))
  for (now = 1; now < 1000; now++) warn(refused)
  expect(reasons).toEqual(['ECONNREFUSED'])
  warn(new Error('failed', { cause: { code: 500 } }))
  expect(reasons).toEqual(['ECONNREFUSED', 'Error'])
})
