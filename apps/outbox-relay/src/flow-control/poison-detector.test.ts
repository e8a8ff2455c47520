import { expect, test } from 'vitest'
import type { Blame } from '../batch/attempt-outcome.ts'
import { Suspicion } from './poison-detector.ts'

function failures(suspicion: Suspicion, ...blames: Blame[]): boolean[] {
  return blames.map((blame) => suspicion.note(blame))
}

test('proof is wanted from the third failure on, and never where only HQ is to blame', () => {
  expect(failures(new Suspicion(9, false), 'kills', 'hq', 'slow', 'kills')).toEqual([
    false,
    false,
    false,
    true,
  ])
  expect(failures(new Suspicion(1, true), 'hq', 'hq', 'hq', 'hq')).not.toContain(true)
})

test('of a piece, and of what was refused outright, from the first on', () => {
  expect(failures(new Suspicion(9, true), 'kills')).toEqual([true])
  expect(failures(new Suspicion(9, false), 'refused')).toEqual([true])
})

test('proven once, several rows are cut, and one that is only slow is left for later', () => {
  expect(new Suspicion(2, false).prove('kills')).toBe('cut')
  expect(new Suspicion(1, false).prove('slow')).toBe('park')
})

test('a row alone is given up when three failures in a row were proven; an outage between begins anew', () => {
  const suspicion = new Suspicion(1, true)
  expect([suspicion.prove('kills'), suspicion.prove('refused')]).toEqual(['again', 'again'])
  suspicion.clear()
  expect([1, 2, 3].map(() => suspicion.prove('kills'))).toEqual(['again', 'again', 'give_up'])
})
