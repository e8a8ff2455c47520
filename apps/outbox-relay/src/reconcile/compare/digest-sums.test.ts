import { expect, test } from 'vitest'
import { combine, type DigestSums, dirtyBuckets, NO_SUMS, readDigest } from './digest-sums.ts'

function sums(...buckets: [bucket: number, rows: number, sum: string][]): DigestSums {
  const rows = buckets.reduce((total, [, count]) => total + count, 0)
  const digest = readDigest({ rows, buckets, nulls: {}, statuses: {} })
  if (typeof digest === 'string') throw new Error(digest)
  return digest
}

test('sums are taken modulo 2^64, whatever sign and length they came with', () => {
  const one = sums([7, 1, '-1'])
  expect(dirtyBuckets(one, sums([7, 1, '18446744073709551615']))).toEqual([])
  expect(dirtyBuckets(one, sums([7, 1, '36893488147419103231']))).toEqual([])
  expect(dirtyBuckets(one, sums([7, 1, '18446744073709551614']))).toEqual([7])
})

test('rows that are taken out again leave what was there before', () => {
  const all = sums([1, 2, '-9223372036854775808'], [2, 1, '5'], [3, 1, '9'])
  const some = sums([1, 1, '9223372036854775807'], [2, 1, '5'])
  const left = combine(all, some, -1)
  expect(left.rows).toBe(2)
  expect(dirtyBuckets(left, sums([1, 1, '1'], [3, 1, '9']))).toEqual([])
  expect(dirtyBuckets(combine(left, some, 1), all)).toEqual([])
})

test('a bucket of other rows is dirty, also where the sum, or the count, is the same', () => {
  expect(dirtyBuckets(sums([4, 1, '0']), NO_SUMS)).toEqual([4])
  expect(dirtyBuckets(NO_SUMS, sums([4, 1, '0'], [900, 3, '2']))).toEqual([4, 900])
  expect(dirtyBuckets(sums([4, 1, '3']), sums([4, 2, '3']))).toEqual([4])
})

test('a digest that does not add up is not believed', () => {
  const good = { rows: 3, buckets: [[1, 3, '7']], nulls: { a: 3 }, statuses: { ok: 2 } } as const
  const digest = { ...good, buckets: [[1, 3, '7']] as [number, number, string][] }
  expect(readDigest(digest)).toMatchObject({ rows: 3 })
  expect(readDigest({ ...digest, rows: 4 })).toBe('has another number of rows than its buckets')
  expect(readDigest({ ...digest, nulls: { a: 4 } })).toBe('has more nulls than rows')
  expect(readDigest({ ...digest, statuses: { ok: 2, bad: 2 } })).toBe('has more statuses than rows')
  const twice = { ...digest, rows: 4, buckets: [...digest.buckets, ...digest.buckets] }
  expect(readDigest(twice)).toBe('names a bucket twice')
})
