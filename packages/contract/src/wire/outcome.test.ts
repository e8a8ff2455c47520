import { describe, expect, it } from 'vitest'
import { batchResultSchema, emptyCounts, OUTCOMES, ROW_CODES } from './outcome.ts'

describe('the answer', () => {
  it('knows six outcomes', () => {
    expect(OUTCOMES).toEqual([
      'inserted',
      'updated',
      'duplicate',
      'stale',
      'superseded',
      'quarantined',
    ])
  })

  it('has every code once, as a word of letters and underscores', () => {
    expect(new Set(ROW_CODES).size).toBe(ROW_CODES.length)
    for (const code of ROW_CODES) expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
  })

  it('counts every outcome, zeros included', () => {
    expect(Object.keys(emptyCounts(3))).toEqual(['received', ...OUTCOMES])
    expect(emptyCounts(3)).toMatchObject({ received: 3, inserted: 0, quarantined: 0 })
  })

  const answer = {
    batch: 'batch_1',
    status: 'partial',
    counts: { ...emptyCounts(2), inserted: 1, quarantined: 1 },
    rows: [
      {
        index: 1,
        key: null,
        outcome: 'quarantined',
        code: 'missing_column',
        pointer: '/rows/1/row/org_id',
        detail: 'org_id is missing',
      },
    ],
  }

  it('comes out as it went in, members that it does not know left out', () => {
    expect(batchResultSchema.parse({ ...answer, later: 1 })).toEqual(answer)
  })

  it('may carry a code that this build does not know yet', () => {
    const [row] = answer.rows
    const later = { ...answer, rows: [{ ...row, code: 'added_later' }] }
    expect(batchResultSchema.parse(later)).toEqual(later)
  })

  it.each([
    ['another status', { ...answer, status: 'ok' }],
    ['another outcome', { ...answer, rows: [{ ...answer.rows[0], outcome: 'dropped' }] }],
    ['a count left out', { ...answer, counts: { ...answer.counts, stale: undefined } }],
    ['a negative count', { ...answer, counts: { ...answer.counts, stale: -1 } }],
    ['an index before the first row', { ...answer, rows: [{ ...answer.rows[0], index: -1 }] }],
    ['no list of rows', { ...answer, rows: undefined }],
  ])('is refused with %s', (_, value) => {
    expect(batchResultSchema.safeParse(value).success).toBe(false)
  })
})
