import type { Profile, RowsBy } from '../../profile/profile.ts'
import type { Cause } from '../verdict.ts'

/** Rows of a profile that were inserted or updated: those that the counts of columns are of. */
export function writtenRows({ inserted, updated }: Profile): number {
  return inserted + updated
}

/** Sum of all counts. */
export function sumOf(counts: RowsBy): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

/** Every name with a count, as what stands out, the most first. */
export function causesOf(what: string, counts: RowsBy, of: number): Cause[] {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => ({ what, name, count, of, usual: null }))
    .sort((a, b) => b.count - a.count)
}
