import { expect, test } from 'vitest'
import { digestRowsAnswerSchema } from './digest.ts'

const ROW = { key: 'a1/b2', version: null, hash: '1', in_flight: false, deleted: false }
const REFUSED = { key: ROW.key, code: 'secret_detected' }

function isAnswer(rows: unknown[], refused: unknown[] = []): boolean {
  return digestRowsAnswerSchema.safeParse({ rows, refused, next: null }).success
}

test('an answer that could not be recorded is none: a text that is none in PostgreSQL, a long code', () => {
  expect(isAnswer([ROW, { ...ROW, entity: 'a1/any kind\u001b[31m<b>/b2/3' }], [REFUSED])).toBe(true)
  for (const key of ['a\0', '\ud800', '']) {
    expect(isAnswer([{ ...ROW, key }])).toBe(false)
    expect(isAnswer([{ ...ROW, entity: key }])).toBe(false)
    expect(isAnswer([], [{ ...REFUSED, key }])).toBe(false)
  }
  for (const code of ['a\0', '<b>', 'x'.repeat(101)])
    expect(isAnswer([], [{ ...REFUSED, code }])).toBe(false)
})
