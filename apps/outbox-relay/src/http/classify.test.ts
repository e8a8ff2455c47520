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
  ])('200 about %s halts, because it is not our gateway', (_, body) => {
    expect(classify(http(200, body), 'b1', 2).kind).toBe('halt')
  })

  const stale = { index: 0, key: 'k', outcome: 'stale' }
  const refused = { index: 1, key: 'k', outcome: 'quarantined', code: 'invalid_value' }
  const counted = (counts: object, rows: unknown[], status = 'applied') => ({
    ...answer,
    status,
    counts: { ...emptyCounts(2), ...counts },
    rows,
  })
  test.each([
    ['nothing is decided', counted({}, [])],
    ['more is decided than there is', counted({ inserted: 3 }, [])],
    ['a row is decided twice', counted({ inserted: 2, stale: 1 }, [stale])],
    ['a count is not listed', counted({ inserted: 1, stale: 1 }, [])],
    ['a listed row is not counted', counted({ inserted: 2 }, [stale])],
    ['a row is listed twice', counted({ stale: 2 }, [stale, stale])],
    [
      'a row is listed that is not there',
      counted({ inserted: 1, stale: 1 }, [{ ...stale, index: 2 }]),
    ],
    [
      'a row is counted as one thing and listed as another',
      counted({ inserted: 1, duplicate: 1 }, [stale]),
    ],
    ['an inserted row is listed', counted({ inserted: 2 }, [{ ...stale, outcome: 'inserted' }])],
    [
      'a refused row has no reason',
      counted({ inserted: 1, quarantined: 1 }, [{ ...refused, code: undefined }], 'partial'),
    ],
    [
      'a refused row has an empty reason',
      counted({ inserted: 1, quarantined: 1 }, [{ ...refused, code: '' }], 'partial'),
    ],
    [
      'a row is refused, and the status says none is',
      counted({ inserted: 1, quarantined: 1 }, [refused]),
    ],
    ['none is refused, and the status says one is', counted({ inserted: 2 }, [], 'partial')],
  ])('I1: 200 in which %s is never an ack', (_, body) => {
    expect(classify(http(200, body), 'b1', 2).kind).toBe('halt')
  })

  test('200 that lists what it counts is accepted', () => {
    const body = counted({ stale: 1, quarantined: 1 }, [refused, stale], 'partial')
    expect(classify(http(200, body), 'b1', 2).kind).toBe('accepted')
  })

  test.each(Object.entries(PROBLEMS))(
    '%s of our gateway leads to its reaction',
    (code, problem) => {
      const body = { type: `/problems/${code}`, title: problem.title, status: problem.status, code }
      const isOfContent = ['malformed_request', 'invalid_envelope', 'webhook_id_reused'].includes(
        code,
      )
      const kind = isOfContent ? 'refused' : problem.reaction
      expect(classify(http(problem.status, body), 'b1', 2).kind).toBe(kind)
    },
  )

  test('a problem under another status than its own is not our gateway’s', () => {
    const body = { type: '/problems/unauthorized', title: 'x', status: 401, code: 'unauthorized' }
    expect(classify(http(403, body), 'b1', 2).kind).toBe('refused')
  })

  test.each([200, 204, 301, 302, 400, 401, 403, 404, 405, 406, 412, 418, 422, 451])(
    'whether %i of somebody in between is about the batch or about everybody is asked',
    (status) => {
      expect(classify({ status, body: '<html>', retryAfterMs: undefined }, 'b1', 2).kind).toBe(
        'refused',
      )
    },
  )

  test.each([
    [500, 'kills'],
    [502, 'kills'],
    [504, 'kills'],
    [520, 'kills'],
    [503, 'slow'],
    [429, 'slow'],
    [408, 'slow'],
    [409, 'slow'],
  ])('%i of somebody in between is tried again, and blamed as %s', (status, blame) => {
    expect(classify(http(status), 'b1', 2)).toMatchObject({ kind: 'retry', blame })
  })

  test.each([
    [503, 'draining', 'hq'],
    [503, 'at_capacity', 'hq'],
    [429, 'quota_exceeded', 'hq'],
    [409, 'in_flight', 'hq'],
    [503, 'database_unavailable', 'slow'],
    [500, 'internal_error', 'kills'],
  ])('%i %s of our gateway is blamed as %s', (status, code, blame) => {
    const body = { type: `/problems/${code}`, title: 'x', status, code }
    expect(classify(http(status, body), 'b1', 2)).toMatchObject({ kind: 'retry', blame })
  })

  test('what Retry-After said is kept', () => {
    expect(classify(http(503, {}, 4000), 'b1', 2)).toMatchObject({ retryAfterMs: 4000 })
  })
})
