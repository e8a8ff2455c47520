import { expect, test } from 'vitest'
import { NO_SUMS } from './compare/digest-sums.ts'
import { DatasetTally } from './dataset-tally.ts'
import type { ComparedRange } from './range/compare-range.ts'

const RANGE: ComparedRange = {
  source: NO_SUMS,
  hq: NO_SUMS,
  rows: 10,
  others: 0,
  suspects: [],
  isCut: false,
  outdated: [],
  dirtyBuckets: 1,
  sourceSnapshot: '7:7:',
  hqSnapshot: undefined,
  sourceSeconds: 0,
  fenceSeconds: 0,
}

test('a range of which not all suspects were read is not wholly compared, though all were equal', () => {
  const rechecked = { differences: [], unsettled: [], removed: [] }
  const tally = new DatasetTally()
  expect(tally.add(RANGE, rechecked)).toBe('equal')
  expect([tally.coverage(), tally.gap]).toEqual([1, undefined])
  expect(tally.add({ ...RANGE, isCut: true }, rechecked)).toBe(undefined)
  expect(tally.coverage()).toBeLessThan(1)
  expect(tally.gap).toBe('too many rows differed at first to read them all')
})
