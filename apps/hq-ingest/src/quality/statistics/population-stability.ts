/** Rows that nobody saw are counted as so many: no share is zero. */
const SMOOTHING = 0.5

/**
 * What of chi-squared is exceeded once in two thousand, by degrees of freedom from 1. The bad
 * ending is also judged by itself: both together alarm less than once in a thousand.
 */
const CHI_SQUARED = [12.116, 15.202, 17.73, 19.997, 22.105, 24.103, 26.018, 27.868, 29.666, 31.42]

/** Shares of counts, whole or not, each smoothed by half a row. */
export function smoothedShares(counts: readonly number[]): number[] {
  const sum = counts.reduce((total, count) => total + count, 0)
  return counts.map((count) => (count + SMOOTHING) / (sum + counts.length * SMOOTHING))
}

/**
 * What each share adds to the population stability index, which is their sum, of two distributions
 * in the same order and without zeros.
 */
export function stabilityTerms(current: readonly number[], usual: readonly number[]): number[] {
  return current.map((share, index) => {
    const other = usual[index] ?? share
    return (share - other) * Math.log(share / other)
  })
}

/**
 * The index that rows differ by through chance alone once in two thousand, and at least `floor`:
 * its mean without a change is (1/N + 1/M) times the degrees of freedom.
 * @param dispersion how much more than chance windows differ, at least 1.
 */
export function stabilityThreshold(
  categories: number,
  rows: number,
  baselineRows: number,
  dispersion: number,
  floor: number,
): number {
  const chiSquared = CHI_SQUARED[categories - 2]
  if (chiSquared === undefined) throw new RangeError(`no bound for ${categories} categories`)
  return Math.max(floor, dispersion * chiSquared * (1 / rows + 1 / baselineRows))
}
