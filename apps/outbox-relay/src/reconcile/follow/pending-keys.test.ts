import { expect, test } from 'vitest'
import { PendingKeys } from './pending-keys.ts'

test('a key is due once, from when it was seen first, however often it changes meanwhile', () => {
  const pending = new PendingKeys()
  pending.add(1, 'a', 0)
  pending.add(1, 'b', 10)
  pending.add(1, 'a', 20)
  pending.add(2, 'a', 30)
  expect(pending.size).toBe(3)
  expect(pending.oldestAt).toBe(0)
  expect(pending.due(5, 10)).toEqual([[1, ['a']]])
  expect(pending.due(30, 1)).toEqual([
    [1, ['a']],
    [2, ['a']],
  ])
  pending.settle(1, 'a')
  pending.settle(1, 'a')
  expect(pending.size).toBe(2)
  expect(pending.oldestAt).toBe(10)
})

test('what cannot be told is tried three times, later than all others, and then given up', () => {
  const pending = new PendingKeys()
  pending.add(1, 'a', 0)
  pending.add(1, 'b', 1)
  expect(pending.postpone(1, 'a', 50)).toBe(true)
  expect(pending.due(60, 10)).toEqual([[1, ['b', 'a']]])
  expect(pending.due(40, 10)).toEqual([[1, ['b']]])
  expect(pending.postpone(1, 'a', 100)).toBe(true)
  expect(pending.postpone(1, 'a', 150)).toBe(false)
  expect(pending.size).toBe(1)
})
