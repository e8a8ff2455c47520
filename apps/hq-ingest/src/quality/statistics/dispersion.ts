/** Pearson's chi-squared of counts against shares; 0 without rows. */
export function chiSquared(counts: readonly number[], shares: readonly number[]): number {
  const sum = counts.reduce((total, count) => total + count, 0)
  if (sum === 0) return 0
  return counts.reduce((total, count, index) => {
    const expected = sum * (shares[index] ?? 0)
    return expected === 0 ? total : total + (count - expected) ** 2 / expected
  }, 0)
}

/**
 * How much more than by chance windows of a baseline differ from one another: 1 where they do not.
 * @param chiSquares of every window against what it should be.
 */
export function dispersion(chiSquares: readonly number[], degrees: number): number {
  if (chiSquares.length === 0) return 1
  const mean = chiSquares.reduce((sum, each) => sum + each / degrees, 0) / chiSquares.length
  return Math.max(1, mean)
}
