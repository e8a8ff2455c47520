/**
 * Which of many tests found something, with at most this share of false ones among those found
 * (Benjamini and Hochberg 1995).
 * @param chances how likely each result was by chance.
 * @returns in their order, true for a discovery.
 */
export function discoveries(chances: readonly number[], falseShare: number): boolean[] {
  const ordered = [...chances].sort((a, b) => a - b)
  const bound = ordered.findLast(
    (chance, index) => chance <= ((index + 1) / ordered.length) * falseShare,
  )
  return chances.map((chance) => bound !== undefined && chance <= bound)
}
