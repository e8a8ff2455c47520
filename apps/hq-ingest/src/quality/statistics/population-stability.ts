/** Rows that nobody saw are counted as so many: no share is zero. */
const SMOOTHING = 0.5

/** What of chi-squared is exceeded once in a thousand, by degrees of freedom from 1. */
const CHI_SQUARED_999 = [
  10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.124, 27.877, 29.588,
]

/** Shares of counts, whole or not, each smoothed by half a row. */
export function smoothedShares(counts: readonly number[]): number[] {
  const sum = counts.reduce((total, count) => total + count, 0)
  return counts.map((count) => (count + SMOOTHING) / (sum + counts.length * SMOOTHING))
}

/** Population stability index of two distributions, in the same order and without zeros. */
export function stabilityIndex(current: readonly number[], usual: readonly number[]): number {
  return current.reduce((sum, share, index) => {
    const other = usual[index] ?? share
    return sum + (share - other) * Math.log(share / other)
  }, 0)
}

/**
 * The index that rows differ by through chance alone once in a thousand, and at least `floor`: its
 * mean without a change is (1/N + 1/M) times the degrees of freedom.
 * @param dispersion how much more than chance windows differ, at least 1.
 */
export function stabilityThreshold(
  categories: number,
  rows: number,
  baselineRows: number,
  dispersion: number,
  floor: number,
): number {
  const chiSquared = CHI_SQUARED_999[categories - 2]
  if (chiSquared === undefined) throw new RangeError(`no bound for ${categories} categories`)
  return Math.max(floor, dispersion * chiSquared * (1 / rows + 1 / baselineRows))
}
