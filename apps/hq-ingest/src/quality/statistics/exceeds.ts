import { predictiveTail } from './predictive-tail.ts'
import { lowerBound, ONCE_IN_A_THOUSAND, type Share, smoothedShare, upperBound } from './share.ts'

/** How certain it is that a share is higher. */
export interface Certainty {
  /** As likely as that at most may it be by chance. */
  readonly chance: number
  /** How far both bounds lie from what was seen, in standard deviations. */
  readonly z: number
}

/** Once in a thousand. */
const CERTAIN: Certainty = { chance: 0.001, z: ONCE_IN_A_THOUSAND }

/**
 * By how much a share lies above that of a baseline at least: both are uncertain, each by its own
 * number of rows (Newcombe 1998, method 10). Where the baseline is large this is Wilson's lower
 * bound alone.
 */
function leastExcess(current: Share, baseline: Share, z: number): number {
  const share = current.count / current.of
  const usual = smoothedShare(baseline)
  return (
    share -
    usual -
    Math.hypot(share - lowerBound(current, z), Math.max(0, upperBound(baseline, z) - usual))
  )
}

/**
 * True where a share is higher than that of the baseline by more than `margin`, for certain, and
 * not by chance: the bound alone is too narrow where there are 20 rows.
 */
export function exceeds(
  current: Share,
  baseline: Share,
  margin: number,
  { chance, z } = CERTAIN,
): boolean {
  return leastExcess(current, baseline, z) > margin && predictiveTail(current, baseline) <= chance
}

/** The least share of so many rows that {@link exceeds} the baseline; null where none does. */
export function leastExceeding(
  of: number,
  baseline: Share,
  margin: number,
  certainty = CERTAIN,
): number | null {
  if (!exceeds({ count: of, of }, baseline, margin, certainty)) return null
  let below = 0
  let above = of
  while (above - below > 1) {
    const middle = Math.floor((below + above) / 2)
    if (exceeds({ count: middle, of }, baseline, margin, certainty)) above = middle
    else below = middle
  }
  return above / of
}
