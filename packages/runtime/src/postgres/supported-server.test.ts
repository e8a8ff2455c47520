import { expect, test } from 'vitest'
import { unsupportedServer } from './supported-server.ts'

function refusal(number: number, version: string, encoding = 'UTF8'): string | undefined {
  return unsupportedServer('HQ', { number, version, encoding })
}

test('PostgreSQL 15 to 18 are supported, whatever their minor version', () => {
  expect(refusal(150_000, '15.0')).toBeUndefined()
  expect(refusal(150_018, '15.18')).toBeUndefined()
  expect(refusal(160_004, '16.4')).toBeUndefined()
  expect(refusal(170_001, '17.1')).toBeUndefined()
  expect(refusal(180_099, '18.99')).toBeUndefined()
})

test('every other version is refused in one sentence that says what is there and what is needed', () => {
  const needed = 'versions 15 to 18 are supported'
  expect(refusal(90_624, '9.6.24')).toBe(`HQ runs on PostgreSQL 9.6.24; ${needed}`)
  expect(refusal(140_023, '14.23')).toBe(`HQ runs on PostgreSQL 14.23; ${needed}`)
  expect(refusal(190_000, '19beta1')).toBe(`HQ runs on PostgreSQL 19beta1; ${needed}`)
})

test('every other encoding is refused in one sentence that says what is there and what is needed', () => {
  for (const encoding of ['SQL_ASCII', 'LATIN1', 'EUC_JP']) {
    expect(refusal(180_000, '18.0', encoding)).toBe(
      `the encoding of HQ is ${encoding}; a database with encoding UTF8 is needed`,
    )
  }
})
