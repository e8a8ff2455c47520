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

  test('after large ones that took longer', () =>
    expect(after([0, LARGE], [100, LARGE]).waitMs(151)).toBe(0))
})

describe('the next window waits', () => {
  test('after two large ones in turn, 50 ms from the last cut', () =>
    expect(after([0, LARGE], [10, LARGE]).waitMs(25)).toBe(35))

  test('as long as they stay large', () =>
    expect(after([0, LARGE], [10, LARGE], [60, LARGE], [110, LARGE]).waitMs(112)).toBe(48))
})
