/** So many of so many. */
export interface Share {
  readonly count: number
  readonly of: number
}

/** Standard deviations of a bound that misses what is true once in a thousand. */
export const ONCE_IN_A_THOUSAND = 3.09

function wilsonBound({ count, of }: Share, z: number): number {
  const share = count / of
  const square = z * z
  const spread = z * Math.sqrt((share * (1 - share)) / of + square / (4 * of * of))
  return (share + square / (2 * of) + spread) / (1 + square / of)
}

/** A share that is never 0 or 1, however few rows there are. */
export function smoothedShare({ count, of }: Share): number {
  return (count + 0.5) / (of + 1)
}

/** What the share of all such rows is at least (Wilson). 0 without rows. */
export function lowerBound(share: Share, z = ONCE_IN_A_THOUSAND): number {
  return share.of === 0 ? 0 : wilsonBound(share, -z)
}

/** What the share of all such rows is at most (Wilson). 1 without rows. */
export function upperBound(share: Share, z: number): number {
  return share.of === 0 ? 1 : wilsonBound(share, z)
}
