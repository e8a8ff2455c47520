import { expect, test } from 'vitest'
import { parseTimestamp } from './parse-timestamp.ts'

test.each([
  ['2026-02-16T09:30:00.124001+00:00', Date.UTC(2026, 1, 16, 9, 30, 0, 124) + 0.001],
  ['2026-02-16T09:30:00+00:00', Date.UTC(2026, 1, 16, 9, 30)],
  ['2026-02-16T09:30:00.5Z', Date.UTC(2026, 1, 16, 9, 30, 0, 500)],
  ['2026-02-16T09:30:00.5+01:30', Date.UTC(2026, 1, 16, 8, 0, 0, 500)],
  ['infinity', undefined],
  ['', undefined],
])('%s is %s ms', (text, ms) => {
  const parsed = parseTimestamp(text)
  if (ms === undefined) expect(parsed).toBeUndefined()
  else expect(parsed).toBeCloseTo(ms, 3)
})
