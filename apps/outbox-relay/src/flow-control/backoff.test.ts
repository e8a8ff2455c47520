import { describe, expect, test } from 'vitest'
import { backoffMs, parseRetryAfter } from './backoff.ts'

const almostOne = () => 0.999999

describe('backoff', () => {
  test('the ceiling doubles with every attempt and stops at 10 s', () => {
    const delays = [1, 2, 3, 4, 20, 1000].map((attempt) => backoffMs(attempt, undefined, almostOne))
    expect(delays).toEqual([99, 199, 399, 799, 9_999, 9_999])
  })

  test('full jitter reaches down to no wait at all', () => {
    expect(backoffMs(5, undefined, () => 0)).toBe(0)
  })

  test('never tries again before HQ said', () => {
    expect(backoffMs(1, 7_000, almostOne)).toBe(7_000)
    expect(backoffMs(20, 7_000, almostOne)).toBe(9_999)
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2026-03-01T12:00:00Z')

  test.each([
    ['5', 5_000],
    ['0', 0],
    ['Sun, 01 Mar 2026 12:00:30 GMT', 30_000],
    ['Sun, 01 Mar 2026 11:00:00 GMT', 0],
    ['86400', 300_000],
    ['99999999', 300_000],
    ['9'.repeat(400), 300_000],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 300_000],
    ['Sun, 32 Mar 2026 12:00:30 GMT', undefined],
    ['-5', undefined],
    ['1e9', undefined],
    ['0x10', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s is %s ms', (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected)
  })
})
