import { expect, test } from 'vitest'
import type { Blame } from '../batch/attempt-outcome.ts'
import { PoisonDetector } from './poison-detector.ts'

function failures(poison: PoisonDetector, ...blames: Blame[]): boolean[] {
  return blames.map((blame) => poison.note(blame))
}

test('proof is wanted from the third failure on, and never where only HQ is to blame', () => {
  expect(failures(new PoisonDetector(9, false), 'kills', 'hq', 'slow', 'kills')).toEqual([
    false,
    false,
    false,
    true,
  ])
  expect(failures(new PoisonDetector(1, true), 'hq', 'hq', 'hq', 'hq')).not.toContain(true)
})

test('of a piece, and of what was refused outright, from the first on', () => {
  expect(failures(new PoisonDetector(9, true), 'kills')).toEqual([true])
  expect(failures(new PoisonDetector(9, false), 'refused')).toEqual([true])
})

test('proven once, several rows are cut, and one that is only slow is left for later', () => {
  expect(new PoisonDetector(2, false).prove('kills')).toBe('cut')
  expect(new PoisonDetector(1, false).prove('slow')).toBe('park')
})

test('a row alone is given up when three failures in a row were proven; an outage between begins anew', () => {
  const poison = new PoisonDetector(1, true)
  expect([poison.prove('kills'), poison.prove('refused')]).toEqual(['again', 'again'])
  poison.clear()
  expect([1, 2, 3].map(() => poison.prove('kills'))).toEqual(['again', 'again', 'give_up'])
})
