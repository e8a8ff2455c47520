import { describe, expect, it } from 'vitest'
import type { DatasetComparison } from './compare-databases.ts'
import { judge } from './comparison-report.ts'

const equal: DatasetComparison = {
  dataset: 'dx_operation_runs_v1',
  sourceRows: 1234,
  hqRows: 1234,
  differences: 0,
  refused: 0,
  examples: [],
}

describe('the verdict', () => {
  it('is good where nothing differs', () => {
    const verdict = judge([equal])
    expect(verdict.isGood).toBe(true)
    expect(verdict.lines.at(-1)).toBe('verdict: EQUAL, every column of 1,234 rows in 1 datasets')
  })

  it('is bad where a dataset got no rows', () => {
    expect(judge([{ ...equal, sourceRows: 0, hqRows: 0 }]).isGood).toBe(false)
  })

  it('is bad where a row differs, and says which, without printing what moves the cursor', () => {
    const verdict = judge([
      {
        ...equal,
        differences: 1,
        examples: [
          {
            kind: 'columns differ',
            key: 'k',
            columns: [{ name: 'error_message', source: '\u001b[2J', hq: null }],
          },
        ],
      },
    ])
    expect(verdict.isGood).toBe(false)
    expect(verdict.lines.join('\n')).toContain('error_message: source "\\u001b[2J", HQ NULL')
  })

  it('shortens long values', () => {
    const columns = [{ name: 'error_message', source: 'x'.repeat(500), hq: '' }]
    const verdict = judge([
      { ...equal, differences: 1, examples: [{ kind: 'columns differ', key: 'k', columns }] },
    ])
    expect(verdict.lines.join('\n')).toContain('... (500 characters)')
  })
})
