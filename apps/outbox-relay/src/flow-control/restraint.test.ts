import { expect, test } from 'vitest'
import { Restraint } from './restraint.ts'

test('without any row of the dataset accepted, three in a row are given up and no more', () => {
  const restraint = new Restraint()
  for (let row = 0; row < 3; row++) {
    expect(restraint.mayGiveUp('a', 0)).toBe(true)
    restraint.noteGivenUp('a')
  }
  restraint.noteAccepted('b')
  expect(restraint.mayGiveUp('a', 0)).toBe(false)
  restraint.noteAccepted('a')
  expect(restraint.mayGiveUp('a', 1)).toBe(true)
})

test('with others of its dataset accepted since a row was first tried, any number', () => {
  const restraint = new Restraint()
  const before = restraint.acceptedOf('a')
  restraint.noteAccepted('a')
  for (let row = 0; row < 50; row++) {
    expect(restraint.mayGiveUp('a', before)).toBe(true)
    restraint.noteGivenUp('a')
  }
})

test('a table that somebody holds is not cut into its rows', () => {
  const restraint = new Restraint()
  const cuts = Array.from({ length: 100 }, () => restraint.noteNotInTime('a')).filter(Boolean)
  expect(cuts).toHaveLength(16)
  restraint.noteAccepted('a')
  expect(restraint.noteNotInTime('a')).toBe(true)
})
