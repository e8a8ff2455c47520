import type { Profile, RowsBy } from '../../../profile/profile.ts'

/** Rows of one operation and provider, by how they ended. */
export interface MixCell {
  readonly operation: string
  readonly provider: string
  /** In the order of the closed set. */
  readonly counts: readonly number[]
}

/** Stands for rows whose operation was not kept, because a profile has too many of them. */
export const OTHERS = '\u0000others'

function countsOf(rows: RowsBy, endings: readonly string[]): number[] {
  return endings.map((ending) => rows[ending] ?? 0)
}

/** The runs of a profile, cell by cell; those of no known operation as {@link OTHERS}. */
export function mixCells({ mix, mixRest }: Profile, endings: readonly string[]): MixCell[] {
  const cells: MixCell[] = []
  for (const [operation, byProvider] of Object.entries(mix)) {
    for (const [provider, rows] of Object.entries(byProvider)) {
      cells.push({ operation, provider, counts: countsOf(rows, endings) })
    }
  }
  const rest = countsOf(mixRest, endings)
  if (total(rest) > 0) cells.push({ operation: OTHERS, provider: OTHERS, counts: rest })
  return cells
}

/** Sum of counts, or of what else stands in the order of the closed set. */
export function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Adds counts to those under a key. */
export function addTo(sums: Map<string, number[]>, key: string, counts: readonly number[]): void {
  const sum = sums.get(key)
  if (sum === undefined) sums.set(key, [...counts])
  else for (const [index, count] of counts.entries()) sum[index] = (sum[index] ?? 0) + count
}
