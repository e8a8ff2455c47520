import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { describeError } from '../describe-error.ts'
import { isRowFault, isStatementFault } from './row-fault.ts'

function raised(code: string, severity = 'ERROR'): pg.DatabaseError {
  const error = new pg.DatabaseError('a value', 1, 'error')
  return Object.assign(error, { code, severity })
}

describe('a fault of the row', () => {
  test.each([
    '21000',
    '22023',
    '23514',
    '2F005',
    '38000',
    '39000',
    '44000',
    '54001',
    'P0001',
    'P0002',
    '0A000',
    '20000',
    '02000',
    '42703',
    '42501',
    '3F000',
    '55000',
    'HQ001',
    '99999',
    'AB123',
    'U0001',
  ])('is %s', (code) => {
    expect(isRowFault(raised(code))).toBe(true)
  })

  test.each([
    '08006',
    '25006',
    '25P02',
    '26000',
    '28000',
    '28P01',
    '2D000',
    '3B001',
    '3D000',
    '40001',
    '40P01',
    '53100',
    '53400',
    '55P03',
    '55006',
    '57014',
    '57P01',
    '58030',
    'F0000',
    'HV000',
    'XX000',
    'XX001',
  ])('is not %s', (code) => {
    expect(isRowFault(raised(code))).toBe(false)
  })

  test('is no error of anybody but PostgreSQL', () => {
    expect(isRowFault(Object.assign(new Error('lost'), { code: 'P0001' }))).toBe(false)
    expect(isRowFault(undefined)).toBe(false)
  })

  test.each(['42703', '3F000', '55000'])('%s is the statement’s as well', (code) => {
    expect(isStatementFault(raised(code))).toBe(true)
    expect(isStatementFault(raised('P0001'))).toBe(false)
  })
})

describe('an error in words', () => {
  test.each(['P0001', '22023', '57014', '53100', '08006'])(
    'of a statement is its SQLSTATE, whatever was raised under it: %s',
    (code) => {
      expect(describeError(raised(code))).toBe(`SQLSTATE ${code}`)
    },
  )

  test('that refused a session says why', () => {
    expect(describeError(raised('28P01', 'FATAL'))).toBe('a value')
  })

  test('of the network is as it stands; of a parser only its name', () => {
    expect(describeError(new Error('connect ECONNREFUSED 127.0.0.1:1'))).toContain('ECONNREFUSED')
    expect(describeError(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }))).toBe(
      'ECONNREFUSED',
    )
    for (const quoting of [() => JSON.parse('{"secret'), () => BigInt('secret')]) {
      try {
        quoting()
        expect.unreachable()
      } catch (error) {
        expect(describeError(error)).toBe('SyntaxError')
      }
    }
  })
})
