import { expect, test } from 'vitest'
import type { ComparedHqRow, ComparedRow } from './compared-row.ts'
import { mergeRows } from './merge-rows.ts'

const ours = (key: string, hash = key): ComparedRow => ({ key, version: null, hash })
const theirs = (key: string, more: Partial<ComparedHqRow> = {}): ComparedHqRow => ({
  ...ours(key),
  inFlight: false,
  deleted: false,
  ...more,
})

test('what is not the same on both sides is suspect, by key and in any order', () => {
  const { suspects, inFlight } = mergeRows(
    [ours('c'), ours('a'), ours('b'), ours('d')],
    [theirs('b', { hash: 'other' }), theirs('e'), theirs('a'), theirs('d', { deleted: true })],
  )
  expect(suspects.map(({ source, hq }) => [source?.key, hq?.key])).toEqual([
    ['b', 'b'],
    [undefined, 'e'],
    ['d', 'd'],
    ['c', undefined],
  ])
  expect(inFlight).toEqual([])
})

test('a row in flight is no suspect, and neither is a deleted one that the source has not', () => {
  const { suspects, inFlight } = mergeRows(
    [ours('a')],
    [theirs('a', { inFlight: true, hash: 'new' }), theirs('b', { deleted: true })],
  )
  expect(suspects).toEqual([])
  expect(inFlight.map(({ key }) => key)).toEqual(['a'])
})
