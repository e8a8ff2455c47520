import { expect, test } from 'vitest'
import { ConcurrencyLimit } from './concurrency-limit.ts'

test('one more after a round of successes, half as many after a failure, never none', () => {
  const limit = new ConcurrencyLimit(8)
  limit.shrink()
  expect(limit.attempts).toBe(4)
  for (let success = 0; success < 5; success++) limit.grow()
  expect(limit.attempts).toBe(5)
  for (let success = 0; success < 50; success++) limit.grow()
  expect(limit.attempts).toBe(8)
  for (let failure = 0; failure < 5; failure++) limit.shrink()
  expect(limit.attempts).toBe(1)
})

test('a backfill leaves the last place to a live attempt, unless there is only one', () => {
  const limit = new ConcurrencyLimit(4)
  for (let attempt = 0; attempt < 3; attempt++) limit.enter()
  expect([limit.hasRoom('live', 4), limit.hasRoom('backfill', 4)]).toEqual([true, false])
  for (let attempt = 0; attempt < 3; attempt++) limit.leave('live', 1, 0)
  expect([limit.hasRoom('live', 1), limit.hasRoom('backfill', 1)]).toEqual([true, true])
})
