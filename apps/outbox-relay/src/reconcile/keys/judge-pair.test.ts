import { snapshotIdOf } from '@hq-export/contract'
import { expect, test } from 'vitest'
import type { ComparedHqRow, ComparedSourceRow } from '../compare/compared-row.ts'
import { judgePair } from './judge-pair.ts'
import type { KeyPair } from './read-keys.ts'

const KEY = 'org/1'

function source(version: string | null, hash = 'x', key = KEY): ComparedSourceRow {
  return { key, lookUp: KEY, orgId: 'org', version, hash }
}

function hq(version: string | null, more: Partial<ComparedHqRow> = {}): ComparedHqRow {
  return { key: KEY, version, hash: 'x', inFlight: false, deleted: false, ...more }
}

function judged(pair: Partial<KeyPair>): string {
  const judgement = judgePair(
    {
      suspect: { key: KEY, lookUp: KEY },
      key: KEY,
      source: undefined,
      hq: undefined,
      isForeign: false,
      isUnassigned: false,
      isPending: false,
      removal: undefined,
      letters: [],
      quarantine: undefined,
      deletedVersion: undefined,
      ...pair,
    },
    [],
  )
  return judgement.kind === 'difference'
    ? `${judgement.class}${judgement.reason === null ? '' : `: ${judgement.reason}`}`
    : judgement.kind
}

const letter = { reason: 'dead letter: invalid_value', version: '5', deleted: false }

test('a letter explains the version that it is about, and none that came later', () => {
  expect(judged({ source: source('5'), letters: [letter] })).toBe(
    'refused: dead letter: invalid_value',
  )
  expect(judged({ source: source('5'), hq: hq('4'), letters: [letter] })).toMatch('refused')
  expect(judged({ source: source('6'), hq: hq('4'), letters: [letter] })).toBe('stale')
  expect(judged({ source: source('6'), hq: hq('6', { hash: 'y' }), letters: [letter] })).toBe(
    'different',
  )
  expect(judged({ source: source('6'), letters: [{ ...letter, version: null }] })).toMatch(
    'refused',
  )
})

test('a row that the source has not is explained by a delete that was refused, and no other', () => {
  expect(judged({ hq: hq('5'), letters: [letter] })).toBe('extra')
  expect(judged({ hq: hq('5'), letters: [{ ...letter, deleted: true }] })).toMatch('refused')
})

test('quarantine explains what HQ has not got, and not what it has', () => {
  const quarantine = 'invalid_type'
  expect(judged({ source: source('5'), quarantine })).toBe('refused: quarantine: invalid_type')
  expect(judged({ source: source('5'), hq: hq('4'), quarantine })).toBe('stale')
})

test('a row that the source has deleted is rightly kept, as it was', () => {
  const removal = { key: KEY, hash: null }
  expect(judged({ hq: hq(null), removal })).toBe('equal')
  expect(judged({ hq: hq(null), removal: { ...removal, hash: 'x' } })).toBe('equal')
  expect(judged({ hq: hq(null), removal: { ...removal, hash: 'y' } })).toBe('different')
  expect(judged({ source: source(null), hq: hq(null, { hash: 'y' }), removal })).toBe('different')
})

test('what waits to be sent or to be complete is looked at again', () => {
  expect(judged({ source: source('5'), isPending: true })).toBe('unsettled')
  expect(judged({ source: source('5'), hq: hq('5'), isPending: true })).toBe('equal')
})

test('a snapshot that only HQ has is a past version, or one that never was', () => {
  const entity = { org_id: 'org', entity_type: 'company', entity_id: '1' }
  const idOf = (version: string) => snapshotIdOf({ ...entity, record_version: version })
  const stray = (version: string, key = idOf(version)) => ({
    suspect: { key, lookUp: 'org/company/1', version },
    hq: hq(null, { key }),
  })
  const current = source('7', 'x', 'another')
  expect(judged({ ...stray('6'), source: current })).toBe('equal')
  expect(judged({ ...stray('7'), source: current })).toBe('extra')
  expect(judged({ ...stray('8'), source: current })).toBe('extra')
  expect(judged({ ...stray('6'), deletedVersion: 7n })).toBe('equal')
  expect(judged({ ...stray('8'), deletedVersion: 7n })).toBe('extra')
  expect(judged(stray('6'))).toBe('extra')
  expect(judged({ ...stray('6', idOf('5')), source: current })).toBe('extra')
  expect(judged({ ...stray('6', idOf('5')), deletedVersion: 7n })).toBe('extra')
})

test('a key that HQ has as another source’s is named as that, unless a refusal says more', () => {
  const foreign = { source: source('5'), isForeign: true }
  expect(judged(foreign)).toMatch(/^foreign: /)
  expect(judged({ ...foreign, letters: [letter] })).toMatch('refused')
})
