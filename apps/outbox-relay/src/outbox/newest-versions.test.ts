import { expect, test } from 'vitest'
import { NewestVersions } from './newest-versions.ts'

test('what a newer version of the same key supersedes is named, also across pages', () => {
  const newest = new NewestVersions()
  expect(newest.compare('1 12 90,1 11 89,2 5 88')).toEqual({ superseded: ['89'], inversions: [] })
  expect(newest.compare('1 10 80,2 5 79,3 1 78')).toEqual({
    superseded: ['80', '79'],
    inversions: [],
  })
})

test('a newer version that comes after an older one is not superseded', () => {
  const newest = new NewestVersions()
  expect(newest.compare('1 9 70,1 10 80,1 9 60').superseded).toEqual(['60'])
})

test('versions are compared as the 64-bit numbers that they are', () => {
  const newest = new NewestVersions()
  const entries = '-7 9223372036854775806 80,-7 9223372036854775807 90,-7 9223372036854775806 70'
  expect(newest.compare(entries).superseded).toEqual(['70'])
})

test('a version below one that was captured before it is an inversion, whichever is read first', () => {
  const delete6First = new NewestVersions().compare('1 6 80,1 1 90')
  expect(delete6First).toEqual({ superseded: ['90'], inversions: [{ seq: '90', version: '1' }] })
  const insert1First = new NewestVersions().compare('1 1 90,1 6 80')
  expect(insert1First).toEqual({ superseded: [], inversions: [{ seq: '80', version: '1' }] })
})

test('thousands of keys are told apart', () => {
  const newest = new NewestVersions()
  const keys = Array.from({ length: 3000 }, (_, key) => key)
  newest.compare(keys.map((key) => `${key} 2 ${9000 - key}`).join(','))
  const { superseded } = newest.compare(keys.map((key) => `${key} 1 ${5000 - key}`).join(','))
  expect(superseded).toHaveLength(3000)
  expect([newest.supersedes('2999'), newest.supersedes('3000')]).toEqual([true, false])
})
