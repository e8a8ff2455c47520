import { expect, test } from 'vitest'
import { TokenBucket } from './token-bucket.ts'

const MINUTE = 60_000

test('a full bucket is spent at once and refills steadily', () => {
  const bucket = new TokenBucket(6, MINUTE, 0)
  for (let i = 0; i < 6; i++) {
    expect(bucket.look(1, 0).isAllowed).toBe(true)
    bucket.take(1)
  }
  expect(bucket.look(1, 0)).toEqual({ isAllowed: false, remaining: 0, waitMs: 10_000 })
  expect(bucket.look(1, 9_999).isAllowed).toBe(false)
  expect(bucket.look(1, 10_000)).toMatchObject({ isAllowed: true, remaining: 1 })
})

test('it never holds more than its capacity', () => {
  const bucket = new TokenBucket(6, MINUTE, 0)
  bucket.take(3)
  expect(bucket.fullInMs).toBe(30_000)
  expect(bucket.look(1, 10 * MINUTE).remaining).toBe(6)
})

test('a request above the capacity is allowed when the bucket is full, and its debt is waited for', () => {
  const bucket = new TokenBucket(100, MINUTE, 0)
  expect(bucket.look(250, 0).isAllowed).toBe(true)
  bucket.take(250)
  expect(bucket.look(1, 0)).toMatchObject({ isAllowed: false, remaining: 0 })
  expect(bucket.look(1, 0).waitMs).toBeCloseTo(0.6 * 151 * 1000)
  expect(bucket.look(1, 0.6 * 151 * 1000 + 1).isAllowed).toBe(true)
})

test('a clock that goes back refills nothing', () => {
  const bucket = new TokenBucket(1, MINUTE, MINUTE)
  bucket.take(1)
  expect(bucket.look(1, 0).isAllowed).toBe(false)
})
