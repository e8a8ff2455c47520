import type { Dataset } from '@hq-export/contract'
import type { Profile, RowsBy } from '@hq-export/hq-ingest/profile/profile.ts'

/** Rows that HQ wrote: those that nulls and values are counted of. */
export function writtenRows({ inserted, updated }: Profile): number {
  return inserted + updated
}

export function sumOf(counts: RowsBy): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

/** A share of the rows; undefined where there are none. */
export function shareOf(count: number, rows: number): number | undefined {
  return rows === 0 ? undefined : count / rows
}

/**
 * Seconds from a commit to HQ that so many of the rows took at most, as the power of two above
 * them, and 1 for less; undefined where nothing came.
 * @param share such as 0.99.
 */
export function delayOf({ delays }: Profile, share: number): number | undefined {
  const rows = sumOf(delays)
  let seen = 0
  const bounds = Object.keys(delays)
    .map(Number)
    .sort((a, b) => a - b)
  for (const bound of bounds) {
    seen += delays[String(bound)] ?? 0
    if (seen >= share * rows) return Math.max(1, bound)
  }
  return undefined
}

/** Rows by status; none of a dataset without one. */
export function statuses(profile: Profile, { quality }: Dataset): RowsBy {
  const column = quality.distribution?.column
  return column === undefined ? {} : (profile.values[column] ?? {})
}
