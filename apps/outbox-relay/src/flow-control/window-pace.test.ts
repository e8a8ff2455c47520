import { describe, expect, test } from 'vitest'
import { WindowPace } from './window-pace.ts'

const LARGE = true
const SMALL = false

/** A pace at which windows were cut at these moments. */
function after(...cuts: readonly (readonly [ms: number, isLarge: boolean])[]): WindowPace {
  const pace = new WindowPace()
  for (const [ms, isLarge] of cuts) pace.cut(ms, isLarge)
  return pace
}

describe('the next window is cut at once', () => {
  test('as the first', () => expect(new WindowPace().waitMs(0)).toBe(0))

  test('after small ones, however fast they follow one another', () =>
    expect(after([0, SMALL], [1, SMALL], [2, SMALL]).waitMs(3)).toBe(0))

  test('after a single large one, as a large transaction makes it', () =>
    expect(after([0, SMALL], [10, LARGE]).waitMs(11)).toBe(0))

  test('after a small one, whatever came before', () =>
    expect(after([0, LARGE], [50, LARGE], [100, SMALL]).waitMs(101)).toBe(0))

  test('after large ones with a small one between them', () =>
    expect(after([0, LARGE], [50, SMALL], [60, LARGE]).waitMs(61)).toBe(0))

  test('after a large one that took longer than any wait', () =>
    expect(after([0, LARGE], [100, LARGE]).waitMs(300)).toBe(0))
})

describe('the next window waits after two large ones in turn', () => {
  const large = after([0, LARGE], [10, LARGE])

  test('until 50 ms from the last cut, where that one was quick', () => {
    expect(large.waitMs(10)).toBe(50)
    expect(large.waitMs(15)).toBe(45)
    expect(large.waitMs(22)).toBe(38)
  })

  test('three times as long as that one took, where it was not', () => {
    expect(large.waitMs(30)).toBe(60)
    expect(large.waitMs(60)).toBe(150)
  })

  test('until 200 ms from the last cut at most', () => {
    expect(large.waitMs(80)).toBe(130)
    expect(large.waitMs(209)).toBe(1)
  })

  test('as long as they stay large', () =>
    expect(after([0, LARGE], [10, LARGE], [60, LARGE], [110, LARGE]).waitMs(112)).toBe(48))
})
