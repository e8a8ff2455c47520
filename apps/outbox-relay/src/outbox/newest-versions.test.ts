import { expect, test } from 'vitest'
import { NewestVersions } from './newest-versions.ts'

test('what a newer version of the same key supersedes is named, also across pages', () => {
  const newest = new NewestVersions()
  expect(newest.findSuperseded('1 12 90,1 11 89,2 5 88')).toEqual(['89'])
  expect(newest.findSuperseded('1 10 80,2 5 79,3 1 78')).toEqual(['80', '79'])
})

test('a newer version that comes after an older one is not superseded', () => {
  const newest = new NewestVersions()
  expect(newest.findSuperseded('1 9 90,1 10 80,1 9 70')).toEqual(['70'])
})

test('versions are compared as the 64-bit numbers that they are', () => {
  const newest = new NewestVersions()
  const entries = '-7 9223372036854775806 90,-7 9223372036854775807 80,-7 9223372036854775806 70'
  expect(newest.findSuperseded(entries)).toEqual(['70'])
})
