import { expect, test } from 'vitest'
import { BackfillShare } from './backfill-share.ts'

test('a slow live attempt halves the share, several at once are one reason, and it never falls below one', () => {
  const share = new BackfillShare(4)
  share.note('live', 300, 1_000)
  share.note('live', 300, 1_010)
  expect(share.attempts).toBe(2)
  for (let nowMs = 2_000; nowMs < 5_000; nowMs += 300) share.note('live', 900, nowMs)
  expect(share.attempts).toBe(1)
})

test('the share grows back only after a calm second, and not beyond its maximum', () => {
  const share = new BackfillShare(3)
  share.note('live', 300, 1_000)
  for (let attempt = 0; attempt < 50; attempt++) share.note('backfill', 100, 1_500)
  expect(share.attempts).toBe(1)
  for (let attempt = 0; attempt < 50; attempt++) share.note('backfill', 100, 2_500)
  expect(share.attempts).toBe(3)
})

test('slow attempts of the backfill itself say nothing', () => {
  const share = new BackfillShare(3)
  share.note('backfill', 5_000, 1_000)
  expect(share.attempts).toBe(3)
})
