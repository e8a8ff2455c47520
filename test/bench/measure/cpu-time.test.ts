import { expect, test } from 'vitest'
import { cpuPerRow, parseStat } from './cpu-time.ts'

test('processor time is read past a name that holds spaces and parentheses', () => {
  const stat = '42 (postgres: (a) b) S 1 42 42 0 -1 4194560 9 9 0 0 11 22 33 44 20 0 1 0 0'
  expect(parseStat(stat)).toEqual({ ownMs: 330, endedChildrenMs: 770 })
})

test('processor time per row is in microseconds', () => {
  expect(cpuPerRow({ relay: 10 }, { relay: 30 }, 1000)).toEqual({ relay: 20 })
})
