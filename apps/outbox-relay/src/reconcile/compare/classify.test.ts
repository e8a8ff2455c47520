import { expect, test } from 'vitest'
import { compareKey } from './classify.ts'
import type { ComparedHqRow, ComparedSourceRow } from './compared-row.ts'

const NAMES = ['key', 'version', 'name']

function source(version: string | null, hash = version ?? 'x'): ComparedSourceRow {
  return { key: 'k', lookUp: 'k', orgId: null, version, hash, columns: ['k', `${version}`, hash] }
}

function hq(version: string | null, more: Partial<ComparedHqRow> = {}): ComparedHqRow {
  const hash = more.hash ?? version ?? 'x'
  const row = { key: 'k', version, hash, columns: ['k', `${version}`, hash] }
  return { ...row, inFlight: false, deleted: false, ...more }
}

function classOf(ours: ComparedSourceRow | undefined, theirs: ComparedHqRow | undefined): string {
  const compared = compareKey(ours, theirs, NAMES)
  return compared.kind === 'difference' ? compared.class : compared.kind
}

test('state rows are told apart by version first, then by content', () => {
  expect(classOf(source('5'), hq('5'))).toBe('equal')
  expect(classOf(source('5'), undefined)).toBe('missing')
  expect(classOf(source('5'), hq('4'))).toBe('stale')
  expect(classOf(source('5'), hq('6'))).toBe('ahead')
  expect(classOf(undefined, hq('5'))).toBe('extra')
  expect(classOf(undefined, undefined)).toBe('equal')
  // As numbers, and of 64 bits.
  expect(classOf(source('10'), hq('9'))).toBe('stale')
  expect(classOf(source('9007199254740993'), hq('9007199254740992'))).toBe('stale')
})

test('of other content under the same version the columns are named', () => {
  expect(compareKey(source('5', 'a'), hq('5', { hash: 'b' }), NAMES)).toEqual({
    kind: 'difference',
    class: 'different',
    columns: ['name'],
  })
})

test('a delete in HQ counts by its version', () => {
  expect(classOf(undefined, hq('5', { deleted: true }))).toBe('equal')
  expect(classOf(source('5'), hq('4', { deleted: true }))).toBe('missing')
  expect(classOf(source('5'), hq('5', { deleted: true }))).toBe('different')
  expect(classOf(source('5'), hq('6', { deleted: true }))).toBe('ahead')
})

test('append-only rows are there, or not, or other', () => {
  expect(classOf(source(null), hq(null))).toBe('equal')
  expect(classOf(source(null), undefined)).toBe('missing')
  expect(classOf(source(null), hq(null, { hash: 'y' }))).toBe('different')
  expect(classOf(undefined, hq(null))).toBe('extra')
})

test('what HQ has got since the snapshot is neither equal nor a difference', () => {
  for (const ours of [undefined, source('5'), source('9')])
    expect(classOf(ours, hq('7', { inFlight: true }))).toBe('in-flight')
})
