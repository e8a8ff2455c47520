import { describe, expect, test } from 'vitest'
import { WindowPace } from './window-pace.ts'

/** A window that was cut then, and for which the source took so long; undefined: a small one. */
type Window = readonly [cutAtMs: number, sourceMs: number] | undefined

function after(...windows: readonly Window[]): WindowPace {
  const pace = new WindowPace()
  for (const window of windows) {
    if (window === undefined) pace.noteSmall()
    else pace.noteLarge(...window)
  }
  return pace
}

describe('the next window is cut at once', () => {
  test('as the first', () => expect(new WindowPace().waitMs(0)).toBe(0))

  test('after small ones, however fast they follow one another', () =>
    expect(after(undefined, undefined).waitMs(3)).toBe(0))

  test('after a single large one, as a large transaction makes it', () =>
    expect(after(undefined, [10, 5]).waitMs(11)).toBe(0))

  test('after a small one, whatever came before', () =>
    expect(after([0, 5], [50, 5], undefined).waitMs(101)).toBe(0))

  test('after large ones with a small one between them', () =>
    expect(after([0, 5], undefined, [60, 5]).waitMs(61)).toBe(0))

  test('after a large one that took longer than any wait', () =>
    expect(after([0, 5], [100, 150]).waitMs(600)).toBe(0))
})

describe('the next window waits after two large ones in turn', () => {
  test('until 50 ms from the last cut, where the source was quick, however far HQ is', () => {
    const large = after([0, 1], [10, 2])
    expect(large.waitMs(10)).toBe(50)
    expect(large.waitMs(22)).toBe(38)
    expect(large.waitMs(90)).toBe(0)
  })

  test('so that the source is asked a twentieth of the time, where it was not', () =>
    expect(after([0, 1], [10, 6]).waitMs(30)).toBe(100))

  test('until 400 ms from the last cut at most', () => {
    const large = after([0, 1], [10, 90])
    expect(large.waitMs(110)).toBe(300)
    expect(large.waitMs(409)).toBe(1)
  })

  test('as long as they stay large', () =>
    expect(after([0, 1], [10, 1], [60, 1], [110, 1]).waitMs(112)).toBe(48))
})
