import { expect, test } from 'vitest'
import { BatchSizer } from './batch-sizer.ts'

test('batches shrink while HQ is slow, down to a floor, and grow again when it is fast', () => {
  const sizer = new BatchSizer()
  const full = sizer.rows
  sizer.note(full, 3000)
  expect(sizer.rows).toBe(Math.floor(full * 0.7))
  for (let batch = 0; batch < 20; batch++) sizer.note(sizer.rows, 3000)
  expect(sizer.rows).toBe(100)
  for (let batch = 0; batch < 100; batch++) sizer.note(sizer.rows, 10)
  expect(sizer.rows).toBe(full)
})

test('a small batch that is fast says nothing about large ones', () => {
  const sizer = new BatchSizer()
  sizer.note(sizer.rows, 3000)
  const shrunk = sizer.rows
  sizer.note(5, 1)
  expect(sizer.rows).toBe(shrunk)
})
