import { expect, test, vi } from 'vitest'
import { nowMs } from './clock.ts'

test('the clock of spans is finer than a millisecond, never runs back by itself, and follows the wall clock', () => {
  const times = Array.from({ length: 1000 }, nowMs)
  expect(times.every((time, i) => i === 0 || time >= (times[i - 1] ?? 0))).toBe(true)
  expect(new Set(times).size).toBeGreaterThan(new Set(times.map(Math.floor)).size)
  const wallMs = Date.now()
  vi.spyOn(Date, 'now').mockReturnValue(wallMs + 60_000)
  expect(nowMs() - wallMs).toBeCloseTo(60_000, -1)
  vi.restoreAllMocks()
})
