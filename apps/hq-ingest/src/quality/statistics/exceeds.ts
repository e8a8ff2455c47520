import { binomialTail } from './binomial-tail.ts'
import { lowerBound, type Share, smoothedShare, upperBound } from './share.ts'

/** As likely as that may a share be by chance that is told. */
const CHANCE = 0.001

/**
 * By how much a share lies above that of a baseline at least: both are uncertain, each by its own
 * number of rows (Newcombe 1998, method 10). Where the baseline is large this is Wilson's lower
 * bound alone.
 */
export function leastExcess(current: Share, baseline: Share): number {
  const share = current.count / current.of
  const usual = smoothedShare(baseline)
  return (
    share -
    usual -
    Math.hypot(share - lowerBound(current), Math.max(0, upperBound(baseline) - usual))
  )
}

/**
 * True where a share is higher than that of the baseline by more than `margin`, for certain, and
 * not by chance: the bound alone is too narrow where there are 20 rows.
 */
export function exceeds(current: Share, baseline: Share, margin: number): boolean {
  return (
    leastExcess(current, baseline) > margin &&
    binomialTail(current.count, current.of, smoothedShare(baseline)) <= CHANCE
  )
}

/** The least share of so many rows that {@link exceeds} the baseline; null where none does. */
export function leastExceeding(of: number, baseline: Share, margin: number): number | null {
  if (!exceeds({ count: of, of }, baseline, margin)) return null
  let below = 0
  let above = of
  while (above - below > 1) {
    const middle = Math.floor((below + above) / 2)
    if (exceeds({ count: middle, of }, baseline, margin)) above = middle
    else below = middle
  }
  return above / of
}
