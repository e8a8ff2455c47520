import { describe, expect, it } from 'vitest'
import { formatProgress } from './progress-line.ts'

const line = { elapsedSeconds: 7.02, committedRows: 12_345, rowsPerSecond: 2_999.6 }

describe('the live line', () => {
  it('says what was committed, delivered, waits and was refused', () => {
    const progress = { waitingRows: 45, lagSeconds: 0.123, deadLetters: 1 }
    expect(
      formatProgress({ ...line, progress })
        .replaceAll(/ +/g, ' ')
        .trim(),
    ).toBe('7 s committed 12,345 rows ( 3,000/s) delivered 12,300 lag 0.12 s dead letters 1')
  })

  it('never says that less than nothing was delivered', () => {
    const progress = { waitingRows: 99_999, lagSeconds: 0, deadLetters: 0 }
    expect(formatProgress({ ...line, progress })).toMatch(/delivered +0 /)
  })
})
