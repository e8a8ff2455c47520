import { emptyCounts, PROBLEMS } from '@hq-export/contract'
import { describe, expect, test } from 'vitest'
import { classify } from './classify.ts'

const answer = {
  batch: 'b1',
  status: 'applied',
  counts: { ...emptyCounts(2), inserted: 2 },
  rows: [],
}

function http(status: number, body: unknown = {}, retryAfterMs?: number) {
  return { status, body: JSON.stringify(body), retryAfterMs }
}

describe('an answer to a batch', () => {
  test('200 with the batch answer is accepted', () => {
    expect(classify(http(200, answer), 'b1', 2)).toEqual({ kind: 'accepted', answer })
  })

  test.each([
    ['another batch', { ...answer, batch: 'b2' }],
    ['another number of rows', { ...answer, counts: { ...answer.counts, received: 3 } }],
    ['something else', { ok: true }],
  ])('200 about %s halts, because it is not our gateway', (_, body) => {
    expect(classify(http(200, body), 'b1', 2).kind).toBe('halt')
  })

  test.each(Object.entries(PROBLEMS))('%s leads to its reaction', (code, problem) => {
    const body = { type: `/problems/${code}`, title: problem.title, status: problem.status, code }
    expect(classify(http(problem.status, body), 'b1', 2).kind).toBe(problem.reaction)
  })

  test.each([
    [500, 'retry'],
    [502, 'retry'],
    [504, 'retry'],
    [408, 'retry'],
    [301, 'halt'],
    [418, 'halt'],
  ])('a proxy that answers %i by itself leads to %s', (status, kind) => {
    expect(classify({ status, body: '<html>', retryAfterMs: undefined }, 'b1', 2).kind).toBe(kind)
  })

  test.each([
    [500, true],
    [502, true],
    [504, true],
    [503, false],
    [429, false],
    [408, false],
    [409, false],
  ])('%i may be the fault of the batch itself: %s', (status, isSuspect) => {
    expect(classify(http(status), 'b1', 2)).toMatchObject({ kind: 'retry', isSuspect })
  })

  test('what Retry-After said is kept', () => {
    expect(classify(http(503, {}, 4000), 'b1', 2)).toMatchObject({ retryAfterMs: 4000 })
  })
})
