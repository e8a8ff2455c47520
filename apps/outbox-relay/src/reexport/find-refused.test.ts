import { expect, test } from 'vitest'
import { type Attempt, findRefused } from './find-refused.ts'

const ITEMS = Array.from({ length: 10_000 }, (_, n) => n)

/** Tries items of which some are at fault; counts the attempts. */
async function refusedOf(bad: ReadonlySet<number>, fault: Attempt) {
  let attempts = 0
  const refused = await findRefused(ITEMS, async (items) => {
    attempts++
    return items.some((item) => bad.has(item)) ? fault : 'done'
  })
  return { refused, attempts }
}

test('I4: those at fault are found among many, whatever the fault, and no other is refused', async () => {
  for (const fault of ['row', 'statement'] as const) {
    const bad = new Set([0, 1, 2, 3, 4999, 5000, 9999])
    const { refused, attempts } = await refusedOf(bad, fault)
    expect(refused).toEqual([...bad])
    // Two halves on each level above one that is at fault.
    expect(attempts).toBeLessThan(bad.size * 2 * Math.ceil(Math.log2(ITEMS.length)))
  }
})

test('where every statement is wrong most items are not tried; where every value is, each is', async () => {
  const { refused, attempts } = await refusedOf(new Set(ITEMS), 'statement')
  expect(refused).toEqual(ITEMS)
  expect(attempts).toBeLessThan(60)
  expect((await refusedOf(new Set(ITEMS), 'row')).attempts).toBeGreaterThan(ITEMS.length)
})

test('what cannot be done now is not split', async () => {
  expect(await refusedOf(new Set([7]), 'none')).toEqual({ refused: ITEMS, attempts: 1 })
})
