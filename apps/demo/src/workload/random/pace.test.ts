import { describe, expect, it } from 'vitest'
import { createPace } from './pace.ts'

const pace = (committedRows: number, elapsedMs: number) =>
  createPace(
    1000,
    () => committedRows,
    () => elapsedMs,
  )

describe('the pace of a workload at 1,000 rows a second', () => {
  it('waits for nothing while it is on time or late', () => {
    expect(pace(1000, 1000).waitMs()).toBe(0)
    expect(pace(0, 1000).waitMs()).toBe(0)
  })

  it('waits until its rows are due, but not longer than 100 ms at once', () => {
    expect(pace(1050, 1000).waitMs()).toBeCloseTo(50)
    expect(pace(5000, 1000).waitMs()).toBe(100)
  })

  it('writes more at once where it is late, within bounds', () => {
    expect(pace(1000, 1000).bulkRows()).toBe(50)
    expect(pace(0, 1000).bulkRows()).toBe(150)
    expect(pace(0, 60_000).bulkRows()).toBe(400)
  })
})
