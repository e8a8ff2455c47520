import { expect, test } from 'vitest'
import { inRotation } from './plan-ranges.ts'
import type { RecordedRange } from './source/range-record.ts'

const DAY = 86_400

function ranges(...ages: (number | null)[]): RecordedRange[] {
  return ages.map((age, place) => ({
    from: [String(place)],
    rows: age === null ? null : 1,
    age,
    state: age === null ? null : 'equal',
  }))
}

const places = (list: readonly RecordedRange[]) => list.map(({ from }) => Number(from?.[0]))

test('what was never compared, or differed, or is due goes first, and all of it', () => {
  const recorded = [...ranges(DAY, null, 27.5 * DAY, 2 * DAY, 3 * DAY), ...ranges(null)]
  const differed: RecordedRange = { from: ['6'], rows: 1, age: 10, state: 'different' }
  const { due, more } = inRotation([...recorded, differed])
  expect(due).toHaveLength(4)
  expect(places(due).slice(2)).toEqual([2, 6])
  expect(places(more)).toEqual([4, 3, 0])
})

test('at least one range in 28 is compared each day, the oldest ones', () => {
  const { due, more } = inRotation(ranges(...Array.from({ length: 57 }, (_, age) => age + 1)))
  expect(places(due)).toEqual([56, 55, 54])
  expect(more).toHaveLength(54)
})
